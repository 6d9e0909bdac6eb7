"""Heads around a head: what every scoring head can be told beside the features, in one place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.models.heads.base import (
    BaseHead,
    Explanation,
    GivesAttributes,
    GivesQuantiles,
    Head,
    Sequences,
    State,
    check_fit,
)

Values = NDArray[np.float64]


class WrappedHead(Head):
    """A scoring head that is shown other features or scores than the videos', by one more column.

    parameter: the hyper-parameter of `Head` that asks for it, and neutral, its value that does
    not. column: what it reads, one value a
    video, as a keyword of `fit`, `predict` and `explain` beside the head's own. Scores are
    divided by each video's `factor` to learn from, and answers multiplied by it. Fitted:
    `fitted_`, the head itself, and the arrays of `fitted`.
    """

    parameter: ClassVar[str]
    neutral: ClassVar[str]
    column: ClassVar[str]
    fitted: ClassVar[tuple[str, ...]] = ()

    def __init__(self, head: Head, inner: BaseHead | None = None):
        """Take the head as it was asked for; inner: what is fitted, it without `parameter`."""
        neutral: dict[str, Any] = {self.parameter: self.neutral}
        self.head, self.inner = head, inner or replace(head, **neutral)
        self.seed, self.difficulty, self.scale = head.seed, head.difficulty, head.scale

    @abstractmethod
    def learn(self, values: Sequence[Any] | None, y: Values) -> None:
        """Fit what depends on the training videos' column and scores alone."""

    @abstractmethod
    def factor(self, values: Sequence[Any] | None, n: int) -> Values:
        """What each of `n` videos' scores are divided by, (n,)."""

    def shown(self, x: Sequences, values: Sequence[Any] | None) -> Sequences:
        """The features as the head is shown them."""
        return x

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `BaseHead`."""
        return tuple(dict.fromkeys((*self.inner.columns, self.column)))

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `BaseHead.answer_columns`."""
        return tuple(dict.fromkeys((*self.inner.answer_columns, self.column)))

    @property
    def starts_from(self) -> str | None:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.starts_from

    @property
    def takes(self) -> Literal["vectors", "maps"]:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.takes

    @property
    def takes_views(self) -> bool:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.takes_views

    @property
    def takes_blank(self) -> bool:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.takes_blank

    @property
    def takes_joints(self) -> bool:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.takes_joints

    @property
    def params(self) -> dict[str, Any]:
        """See `BaseHead.params`."""
        return self.head.params

    @property
    def also_shown(self) -> tuple[str, ...]:
        """See `BaseHead.also_shown`."""
        return self.head.also_shown

    @property
    def chosen(self) -> dict[str, Any]:
        """See `BaseHead.chosen`."""
        return self.fitted_.chosen

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """See `BaseHead.learned_from_others`."""
        return self.fitted_.learned_from_others

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A row for each step of the head's search or training."""
        rows: list[dict[str, Any]] = self.fitted_.history_
        return rows

    @property
    def explaining(self) -> bool:
        """See `Head.explaining`."""
        return self.head.explaining

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        others: tuple[Any, ...] | None = None,
        views: Sequence[Sequences] = (),
        start: BaseHead | None = None,
        blank: NDArray[np.floating] | None = None,
        **columns: Any,
    ) -> WrappedHead:
        """See `BaseHead.fit`."""
        values = columns.get(self.column)
        sequences, scores = check_fit(x, y, maps=self.takes == "maps")
        self.check_fit_with(start)
        self.learn(values, scores)
        options: dict[str, Any] = {} if start is None else {"start": start}
        if validation is not None:
            held = self._part(*validation)
            options["validation"] = held if self.inner.columns else held[:2]
        if others is not None:
            options["others"] = self._part(*others)
        if len(views):
            options["views"] = [self.shown(view, values) for view in views]
        if blank is not None:
            options["blank"] = self._shown_blank(blank, values)
        shown_x, shown_y, own = self._part(sequences, scores, columns)
        self.fitted_ = replace_head(self.inner).fit(shown_x, shown_y, **own, **options)
        return self

    def check_fit_with(self, start: BaseHead | None) -> None:
        """Raise `HeadError` where the head cannot be wrapped, or not start from `start`."""

    def predict(self, x: Sequences, **columns: Any) -> Values:
        """See `Head.predict`."""
        values = columns.get(self.column)
        factor = self.factor(values, len(x))
        answers: Values = self._scoring().predict(self.shown(x, values), **self._answer(columns))
        return answers * factor

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """See `Head.explain`."""
        values = columns.get(self.column)
        if blank is not None:
            blank = self._shown_blank(blank, values)
        own = self._answer(columns)
        return self._scoring().explain(self.shown(x, values), blank, align=align, **own)

    def quantiles(self, x: Sequences, at: ArrayLike, **columns: Any) -> Values:
        """See `GivesQuantiles`; for heads that do, see `gives`."""
        assert isinstance(self.fitted_, GivesQuantiles)
        values = columns.get(self.column)
        factor = self.factor(values, len(x))
        answers = self.fitted_.quantiles(self.shown(x, values), at, **self._answer(columns))
        return answers * factor[:, None]

    def attributes(self, x: Sequences, **columns: Any) -> list[dict[str, str]]:
        """See `GivesAttributes`; for heads that do, see `gives`."""
        assert isinstance(self.fitted_, GivesAttributes)
        shown = self.shown(x, columns.get(self.column))
        return self.fitted_.attributes(shown, **self._answer(columns))

    def gradient(self, sequence: NDArray[np.floating], **columns: Any) -> Values:
        """See `Head.gradient`."""
        factor = self.factor(columns.get(self.column), 1)
        return self._scoring().gradient(sequence, **self._answer(columns)) * factor[0]

    def state(self) -> State:
        """See `BaseHead.state`; the head's own arrays are under `head.`."""
        own = {f"head.{name}": array for name, array in self.fitted_.state().items()}
        return super().state() | own

    def restore(self, state: Mapping[str, NDArray[Any]]) -> WrappedHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        own = {k.removeprefix("head."): v for k, v in state.items() if k.startswith("head.")}
        self.fitted_ = replace_head(self.inner).restore(own)
        return self

    def _scoring(self) -> Head:
        assert isinstance(self.fitted_, Head)
        return self.fitted_

    def _part(self, x: Sequences, y: ArrayLike, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        """Videos, scores and columns as the head is shown them."""
        sequences, scores = check_fit(x, y, least=1, maps=self.takes == "maps")
        values = columns.get(self.column)
        own = {name: given for name, given in columns.items() if name in self.inner.columns}
        return self.shown(sequences, values), scores / self.factor(values, len(scores)), own

    def _answer(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        taken = self.inner.answer_columns
        return {name: given for name, given in columns.items() if name in taken}

    def _shown_blank(
        self, blank: NDArray[np.floating], values: Sequence[Any] | None
    ) -> NDArray[np.floating]:
        """The response to a blank clip, as the first video would show it."""
        first = None if values is None else list(values)[:1]
        clip: NDArray[np.floating] = self.shown([np.asarray(blank)[None]], first)[0][0]
        return clip


def replace_head(head: BaseHead) -> BaseHead:
    """The head with the same hyper-parameters, not fitted."""
    if isinstance(head, WrappedHead):
        return type(head)(head.head, replace_head(head.inner))
    return replace(head)


def gives(head: BaseHead, what: Any) -> bool:
    """Whether a head, or the one within, is of the protocol `what`, such as `GivesQuantiles`."""
    while isinstance(head, WrappedHead):
        head = head.inner
    return isinstance(head, what)

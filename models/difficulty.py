"""Known difficulty as an input, for every scoring head alike: `-p difficulty=multiply|input`.

A dive's degree of difficulty is announced before it starts and is a factor of its score, so it
explains much of the score without a look at the dive. Published figures with and without it are
not alike (003 Table 3: MUSDL multiplies by it, the others do not see it); a head takes it only
where it was told to, and its results are marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.models.heads import get_head
from aqa.models.heads.base import (
    BaseHead,
    Explanation,
    Head,
    HeadError,
    Sequences,
    State,
    check_fit,
    check_sequences,
)

Values = NDArray[np.float64]
COLUMN = "difficulty"


def make_head(name: str, params: Mapping[str, Any]) -> BaseHead:
    """The head of that name with these hyper-parameters; it knows the difficulty if it should."""
    head = get_head(name)(**params)
    return DifficultyHead(head) if isinstance(head, Head) and head.difficulty != "none" else head


class DifficultyHead(Head):
    """A scoring head that is told each video's difficulty, as its parameter `difficulty` says.

    multiply: the head learns score / difficulty (of a dive its execution, 002 3.3), and its answer
    is multiplied; thresholds and tolerances in points are then of score / difficulty. input: the
    difficulty, standardised as the training videos have it, stands behind every clip's features.

    `fit`, `predict` and `explain` take the keyword `difficulty`, one value a video, and what the
    head itself takes. Fitted: the head, and `mean_`, `std_` of the training videos' difficulty.
    """

    def __init__(self, head: Head):
        self.head = head
        self.seed, self.difficulty = head.seed, head.difficulty

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `BaseHead`."""
        return tuple(dict.fromkeys((*self.head.columns, COLUMN)))

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `BaseHead.answer_columns`."""
        return tuple(dict.fromkeys((*self.head.answer_columns, COLUMN)))

    @property
    def starts_from(self) -> str | None:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.starts_from

    @property
    def takes_views(self) -> bool:  # type: ignore[override]
        """See `BaseHead`."""
        return self.head.takes_views

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
        **columns: Any,
    ) -> DifficultyHead:
        """See `BaseHead.fit`."""
        if COLUMN in self.head.columns:
            raise HeadError(
                f"{type(self.head).__name__} takes the difficulty by itself; "
                f"leave out -p difficulty={self.difficulty}"
            )
        if self.head.takes_joints and self.difficulty == "input":
            raise HeadError("difficulty=input is no joint's place; use -p difficulty=multiply")
        if start is not None and self.difficulty == "input":
            raise HeadError("difficulty=input widens the features; leave out --from")
        known = self._known(columns, len(x))
        self.mean_, self.std_ = known.mean(), known.std() or 1.0
        options: dict[str, Any] = {} if start is None else {"start": start}
        if validation is not None:
            shown = self._part(*validation)
            options["validation"] = shown if self.head.columns else shown[:2]
        if others is not None:
            options["others"] = self._part(*others)
        if len(views):
            options["views"] = [self._shown(view, known) for view in views]
        shown_x, shown_y, own = self._part(x, y, columns)
        self.fitted_ = self._plain().fit(shown_x, shown_y, **own, **options)
        return self

    def predict(self, x: Sequences, **columns: Any) -> Values:
        """See `Head.predict`."""
        known = self._known(columns, len(x))
        scores: Values = self._scoring().predict(self._shown(x, known), **self._answer(columns))
        return scores * known if self.difficulty == "multiply" else scores

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """See `Head.explain`; with multiply, what is explained is score / difficulty."""
        known = self._known(columns, 1)
        if blank is not None:
            blank = self._shown([np.asarray(blank)[None]], known)[0][0]
        shown = self._shown(x, known)
        found = self._scoring().explain(shown, blank, align=align, **self._answer(columns))
        if self.difficulty == "multiply":
            return found._replace(meaning=f"{found.meaning}, of score / difficulty")
        return found

    def gradient(self, sequence: NDArray[np.floating], **columns: Any) -> Values:
        """See `Head.gradient`; of the score, with multiply too."""
        own = self._scoring().gradient(sequence, **self._answer(columns))
        return own * self._known(columns, 1)[0] if self.difficulty == "multiply" else own

    def state(self) -> State:
        """See `BaseHead.state`; the head's own arrays are under `head.`."""
        own = {f"head.{name}": array for name, array in self.fitted_.state().items()}
        return {"mean": np.asarray(self.mean_), "std": np.asarray(self.std_)} | own

    def restore(self, state: Mapping[str, NDArray[Any]]) -> DifficultyHead:
        """See `BaseHead.restore`."""
        self.mean_, self.std_ = float(state["mean"]), float(state["std"])
        own = {k.removeprefix("head."): v for k, v in state.items() if k.startswith("head.")}
        self.fitted_ = self._plain().restore(own)
        return self

    def _plain(self) -> BaseHead:
        """The head as it is fitted: it knows of no difficulty."""
        return replace(self.head, difficulty="none")

    def _scoring(self) -> Head:
        assert isinstance(self.fitted_, Head)
        return self.fitted_

    def _part(self, x: Sequences, y: ArrayLike, columns: Mapping[str, Any]) -> tuple[Any, ...]:
        """Videos, scores and columns as the head is shown them."""
        sequences, scores = check_fit(x, y, least=1)
        known = self._known(columns, len(sequences))
        if self.difficulty == "multiply":
            scores = scores / known
        own = self._own(columns)
        return self._shown(sequences, known), scores, own

    def _shown(self, x: Sequences, known: Values) -> Sequences:
        if self.difficulty == "multiply":
            return x
        return [
            np.column_stack([sequence, np.full(len(sequence), value, np.float32)])
            for sequence, value in zip(
                check_sequences(x), (known - self.mean_) / self.std_, strict=True
            )
        ]

    def _own(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The columns that the head itself takes."""
        return {name: values for name, values in columns.items() if name in self.head.columns}

    def _answer(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        taken = self.head.answer_columns
        return {name: values for name, values in columns.items() if name in taken}

    def _known(self, columns: Mapping[str, Any], n: int) -> Values:
        """The difficulty of each video, (n,); `HeadError` where one has none."""
        given = columns.get(COLUMN)
        known = np.asarray([None] * n if given is None else given, np.float64)  # None: NaN
        if known.shape != (n,):
            raise HeadError(f"{len(known)} difficulties for {n} videos")
        usable = np.isfinite(known)
        if self.difficulty == "multiply":
            usable &= known > 0
        if not usable.all():
            above = " above 0" if self.difficulty == "multiply" else ""
            raise HeadError(
                f"difficulty={self.difficulty} takes the difficulty of every video, and "
                f"{n - usable.sum()} of {n} have none{above}: fill the manifest's column "
                "`difficulty`, or give --difficulty to `aqa score`"
            )
        return known

"""The estimator that target transforms make with a head."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from aqa.errors import HeadUsageError
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Answer,
    AspectPoints,
    Explanation,
    Head,
    State,
    UnfittedHeadError,
    fit_options,
    param,
    parse_params,
    part_of,
    under,
)
from aqa.models.saved.old_names import PARAMS
from aqa.models.target_transforms.action_scale import ActionScaleTransform
from aqa.models.target_transforms.base import TargetTransform, Values
from aqa.models.target_transforms.difficulty import DifficultyTransform

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Self


@dataclasses.dataclass(repr=False, eq=False)
class TargetParams:
    """The hyper-parameters that every scoring head takes beside its own."""

    difficulty: Literal["none", "multiply", "input"] = param(
        "none",
        "use of a video's known difficulty. none: none; multiply: the head learns score / "
        "difficulty, and its answer is multiplied; input: one more feature of every clip",
        source="farabi2021 Table 3",
    )
    scale: Literal["all", "action"] = param(
        "all",
        "action: scores are divided by the standard deviation of their action's",
        source="parmar2019action §4",
    )


class TransformedHead(Head):
    """A head and what is done to its target, as scikit-learn's `TransformedTargetRegressor`.

    head: what learns; it is left unfitted. difficulty, scale: see `TargetParams`; with `none` and
    `all` nothing is done. Fitted: `transforms_`, and `head_`, the fitted copy of the head.
    """

    def __init__(self, head: Head, difficulty: str = "none", scale: str = "all"):
        self.head, self.difficulty, self.scale = head, difficulty, scale

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`; transforms learn from the training videos alone."""
        self.transforms_: list[TargetTransform] = []
        for transform in self.transforms():
            transform.check_with(self.head, start)
            self.transforms_.append(transform.fit(train))
            train = transform.forward(train)
        shown = [None if more is None else self._forward(more) for more in (validation, others)]
        options = fit_options(others=shown[1], start=start)
        self.head_ = clone(self.head).fit_examples(train, shown[0], **options)
        return self

    def predict_examples(self, examples: Examples) -> Values:
        """See `Head.predict_examples`."""
        self.check_fitted()
        return self._inverse(self.head_.predict_examples(self._shown(examples)), examples)

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """See `ExplainsClips`; what is explained is what the head learns."""
        explanation = self._fitted.explain(self._shown(examples), align=align)
        of = explanation.of
        for transform in reversed(self.transforms_):
            if transform.learned != "score":
                of = transform.learned + of.removeprefix("score")
        if of != explanation.of:
            meaning = f"{explanation.meaning}, of {of}"
            explanation = explanation._replace(meaning=meaning, of=of)
        return explanation

    def gradient(self, examples: Examples) -> Values:
        """See `ExplainsJoints`."""
        gradient = self._fitted.gradient(self._shown(examples))
        return self._inverse(gradient[None], examples)[0]

    def aspect_points(self, examples: Examples) -> list[AspectPoints]:
        """See `GivesAspects`; in points of the score."""
        (factor,) = self._inverse(np.ones(1), examples) - self._inverse(np.zeros(1), examples)
        found: list[AspectPoints] = self._fitted.aspect_points(self._shown(examples))
        return [one.times(float(factor)) for one in found]

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        told = ", ".join(transform.column for transform in self.transforms_)
        if told:
            self.head.cannot_be_exported(f"it was fitted to be told each video's {told}")
        return self._fitted.score_graph()

    def quantiles(self, examples: Examples, at: ArrayLike) -> Values:
        """See `GivesQuantiles`."""
        return self._inverse(self._fitted.quantiles(self._shown(examples), at), examples)

    def attributes(self, examples: Examples) -> list[dict[str, str]]:
        """See `GivesAttributes`."""
        labels: list[dict[str, str]] = self._fitted.attributes(self._shown(examples))
        return labels

    def commentary(self, examples: Examples) -> list[str]:
        """See `GivesCommentary`."""
        said: list[str] = self._fitted.commentary(self._shown(examples))
        return said

    def parts(self, examples: Examples) -> dict[str, Values]:
        """See `GivesParts`."""
        parts = self._fitted.parts(self._shown(examples))
        return {name: self._inverse(values, examples) for name, values in parts.items()}

    def true_parts(self, examples: Examples) -> dict[str, Values]:
        """See `GivesParts`."""
        parts: dict[str, Values] = self._fitted.true_parts(self._shown(examples))
        return parts

    @property
    def held_out(self) -> NDArray[np.intp]:
        """See `Head.held_out`."""
        return self._learner.held_out

    def before_refit(self) -> Self:
        """See `Head.before_refit`."""
        before = copy.copy(self)
        before.head_ = self.head_.before_refit()
        return before

    # What is the head's own ----------------------------------------------------------------------

    @property
    def seed(self) -> int:  # type: ignore[override]
        """See `Head`."""
        return self.head.seed

    @property
    def takes(self) -> Literal["vectors", "maps"]:  # type: ignore[override]
        """See `Head`."""
        return self.head.takes

    @property
    def takes_views(self) -> bool:  # type: ignore[override]
        """See `Head`."""
        return self.head.takes_views

    @property
    def takes_blank(self) -> bool:  # type: ignore[override]
        """See `Head`."""
        return self.head.takes_blank

    @property
    def takes_joints(self) -> bool:  # type: ignore[override]
        """See `Head`."""
        return self.head.takes_joints

    @property
    def starts_from(self) -> str | None:  # type: ignore[override]
        """See `Head`."""
        return self.head.starts_from

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """See `Head`."""
        return self._with_own(self.head.columns)

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`."""
        return self._with_own(self._learner.answer_columns)

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`: the head's, and what its target is made with."""
        own = (transform.column for transform in self.transforms())
        return tuple(dict.fromkeys((*self.head.needed_columns(start), *own)))

    @property
    def takes_logistic(self) -> bool:
        """See `Head.takes_logistic`."""
        return self.head.takes_logistic

    @property
    def says_probability(self) -> bool:
        """See `Head.says_probability`."""
        return self.head.says_probability

    @property
    def also_shown(self) -> tuple[str, ...]:
        """See `Head.also_shown`."""
        return self.head.also_shown

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return self._learner.gives

    @property
    def params(self) -> dict[str, Any]:
        """See `Head.params`: the head's own, and those of its target."""
        return {**self.head.params, "difficulty": self.difficulty, "scale": self.scale}

    @property
    def chosen(self) -> dict[str, Any]:
        """See `Head.chosen`."""
        return self._fitted.chosen

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """See `Head.learned_from_others`."""
        return self._fitted.learned_from_others

    @property
    def history_(self) -> list[dict[str, Any]]:
        """A row for each step of the head's search or training."""
        return getattr(self.head_, "history_", [])

    def check_fitted(self) -> None:
        """See `Head.check_fitted`."""
        if "head_" not in vars(self):
            raise UnfittedHeadError(f"{type(self.head).__name__} is not fitted: call its fit first")
        self.head_.check_fitted()

    def state(self) -> State:
        """See `Head.state`: a transform's arrays, and under `head.` those of what it is around."""
        self.check_fitted()
        state = self.head_.state()
        for transform in reversed(self.transforms_):
            state = transform.state() | under("head", state)
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.transforms_ = []
        for transform in self.transforms():
            self.transforms_.append(transform.restore(state))
            state = part_of("head", state)
        self.head_ = clone(self.head).restore(state)
        return self

    def transforms(self) -> list[TargetTransform]:
        """The transforms that are asked for, unfitted; scores go through them in this order."""
        transforms: list[TargetTransform] = []
        if self.difficulty in ("multiply", "input"):
            transforms.append(DifficultyTransform(self.difficulty))  # type: ignore[arg-type]
        elif self.difficulty != "none":
            raise HeadUsageError(
                f"difficulty={self.difficulty} is not one of none, multiply, input"
            )
        if self.scale == "action":
            transforms.append(ActionScaleTransform())
        elif self.scale != "all":
            raise HeadUsageError(f"scale={self.scale} is not one of all, action")
        return transforms

    @property
    def _fitted(self) -> Head:
        """The fitted head, or `UnfittedHeadError`."""
        self.check_fitted()
        return self.head_

    @property
    def _learner(self) -> Head:
        """The fitted head, or what will be."""
        fitted: Head | None = getattr(self, "head_", None)
        return self.head if fitted is None else fitted

    def _with_own(self, columns: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*columns, *(t.column for t in self.transforms()))))

    def _forward(self, examples: Examples) -> Examples:
        for transform in self.transforms_:
            examples = transform.forward(examples)
        return examples

    def _shown(self, examples: Examples) -> Examples:
        for transform in self.transforms_:
            examples = transform.show(examples)
        return examples

    def _inverse(self, answers: Values, examples: Examples) -> Values:
        for transform in reversed(self.transforms_):
            answers = transform.inverse(answers, examples)
        return answers


def transformed(kind: type[Head], params: Mapping[str, Any]) -> Head:
    """A head of this class with these hyper-parameters, and around it what they ask for."""
    target_names = {field.name for field in dataclasses.fields(TargetParams)}
    head_names = {field.name for field in dataclasses.fields(kind)}
    target = {k: v for k, v in params.items() if k in target_names - head_names}
    head = kind(**{k: v for k, v in params.items() if k not in target})
    if head.kind != "scores":
        return head
    made = TransformedHead(head, **target)
    return made if made.transforms() else head


def target_params(kind: type[Head]) -> tuple[type, ...]:
    """The dataclasses whose fields a head's `-p` takes beside its own."""
    return (TargetParams,) if kind.kind == "scores" else ()


def parse_head_params(name: str, kind: type[Head], texts: Sequence[str]) -> dict[str, Any]:
    """`name=value` texts as hyper-parameters of a head and of its target."""
    return parse_params(kind, texts, target_params(kind), PARAMS.get(name))

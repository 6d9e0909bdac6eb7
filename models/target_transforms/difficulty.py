"""A video's known difficulty, as a factor of its score or as one more feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from aqa.errors import HeadUsageError, listed
from aqa.models.examples import Examples
from aqa.models.heads.base import Head, HeadError, State, check_sequences
from aqa.models.scaling import spread
from aqa.models.target_transforms.base import TargetTransform, Values

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass
class DifficultyTransform(TargetTransform):
    """A video's difficulty, which is known before it starts and explains much of its score.

    multiply: the head learns score / difficulty (of a dive its execution, li2018scoringnet §3.3),
    and its answers are multiplied; thresholds and tolerances in points are then of score /
    difficulty. input: the difficulty, standardised as the training videos have it, stands behind
    every clip's features. Published figures with and without it are not alike (farabi2021 Table 3),
    so results are marked by it. Fitted: `mean_`, `std_` of the training videos' difficulty.
    """

    how: Literal["multiply", "input"]

    column: ClassVar[str] = "difficulty"

    @property
    def learned(self) -> str:
        """See `TargetTransform.learned`."""
        return "score / difficulty" if self.how == "multiply" else "score"

    def check_with(self, head: Head, start: Head | None) -> None:
        """See `TargetTransform.check_with`."""
        if head.learns_difficulty:
            raise HeadUsageError(
                f"{type(head).__name__} takes the difficulty by itself; "
                f"leave out -p difficulty={self.how}"
            )
        if self.how != "input":
            return
        if head.takes == "maps":
            raise HeadUsageError(
                "difficulty=input stands behind vectors; maps take difficulty=multiply"
            )
        if head.takes_joints:
            raise HeadUsageError("difficulty=input is no joint's place; use -p difficulty=multiply")
        if start is not None:
            raise HeadUsageError("difficulty=input widens the features; leave out --from")
        if getattr(head, "learn_clips", False):
            raise HeadUsageError(
                "difficulty=input is of whole videos; leave out -p learn_clips=true"
            )

    def fit(self, examples: Examples) -> Self:
        """See `TargetTransform.fit`."""
        known = self._known(examples)
        self.mean_, self.std_ = float(known.mean()), spread(known)
        return self

    def factor(self, examples: Examples) -> Values:
        """See `TargetTransform.factor`."""
        known = self._known(examples)
        return known if self.how == "multiply" else np.ones(len(known))

    def show(self, examples: Examples) -> Examples:
        """See `TargetTransform.show`."""
        if self.how == "multiply":
            return examples
        scaled = (self._known(examples) - self.mean_) / self.std_
        blank = examples.blank
        if blank is not None:  # as the first video would show it
            blank = _widened([np.asarray(blank)[None]], scaled[:1])[0][0]
        return replace(
            examples,
            features=_widened(check_sequences(examples.features, ids=examples.ids), scaled),
            views=[
                _widened(check_sequences(view, ids=examples.ids), scaled) for view in examples.views
            ],
            blank=blank,
        )

    def state(self) -> State:
        """See `TargetTransform.state`."""
        return {"mean": np.asarray(self.mean_), "std": np.asarray(self.std_)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `TargetTransform.restore`."""
        self.mean_, self.std_ = float(state["mean"]), float(state["std"])
        return self

    def _known(self, examples: Examples) -> Values:
        """The difficulty of each video, (n,); `HeadError` where one has none."""
        n = len(examples)
        given = examples.columns.get(self.column)
        known = np.asarray([None] * n if given is None else given, np.float64)  # None: NaN
        usable = np.isfinite(known)
        if self.how == "multiply":
            usable &= known > 0
        if not usable.all():
            above = " above 0" if self.how == "multiply" else ""
            without = listed(examples.ids[i] for i in np.flatnonzero(~usable))
            raise HeadError(
                f"difficulty={self.how} takes the difficulty of every video, and "
                f"{n - usable.sum()} of {n} have none{above} ({without}): fill the "
                "manifest's column `difficulty`, leave them out with --skip-incomplete, or give "
                "--difficulty to `aqa score`"
            )
        return known


def _widened(sequences: Sequence[NDArray[Any]], values: Values) -> list[NDArray[Any]]:
    """Sequences with one more column, of one value per video."""
    return [
        np.column_stack([sequence, np.full(len(sequence), value, np.float32)])
        for sequence, value in zip(sequences, values, strict=True)
    ]

"""Known difficulty as an input, for every scoring head alike: `-p difficulty=multiply|input`.

A dive's degree of difficulty is announced before it starts and is a factor of its score, so it
explains much of the score without a look at the dive. Published figures with and without it are
not alike (farabi2021 Table 3: MUSDL multiplies by it, the others do not see it); a head takes it
only where it was told to, and its results are marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from aqa.models.actions import ActionHead
from aqa.models.heads import get_head
from aqa.models.heads.base import BaseHead, Head, HeadError, Sequences, check_sequences
from aqa.models.scaling import spread
from aqa.models.wrapped import Values, WrappedHead


def make_head(name: str, params: Mapping[str, Any]) -> BaseHead:
    """The head of that name with these hyper-parameters, within those that they ask for."""
    asked = get_head(name)(**params)
    if not isinstance(asked, Head):
        return asked
    known = replace(asked, difficulty="none")
    head: BaseHead = replace(known, scale="all")
    if asked.scale == "action":
        head = ActionHead(known, head)
    return DifficultyHead(asked, head) if asked.difficulty != "none" else head


class DifficultyHead(WrappedHead):
    """A scoring head that is told each video's difficulty, as its parameter `difficulty` says.

    multiply: the head learns score / difficulty (of a dive its execution, li2018scoringnet §3.3),
    and its answer is multiplied; thresholds and tolerances in points are then of score /
    difficulty. input: the difficulty, standardised as the training videos have it, stands behind
    every clip's features.

    Fitted besides: `mean_`, `std_` of the training videos' difficulty.
    """

    parameter: ClassVar[str] = "difficulty"
    neutral: ClassVar[str] = "none"
    column: ClassVar[str] = "difficulty"
    fitted: ClassVar[tuple[str, ...]] = ("mean_", "std_")

    def check_fit_with(self, start: BaseHead | None) -> None:
        """See `WrappedHead.check_fit_with`."""
        if self.column in self.head.columns:
            raise HeadError(
                f"{type(self.head).__name__} takes the difficulty by itself; "
                f"leave out -p difficulty={self.difficulty}"
            )
        if self.difficulty != "input":
            return
        if self.takes == "maps":
            raise HeadError("difficulty=input stands behind vectors; maps take difficulty=multiply")
        if self.head.takes_joints:
            raise HeadError("difficulty=input is no joint's place; use -p difficulty=multiply")
        if start is not None:
            raise HeadError("difficulty=input widens the features; leave out --from")
        if getattr(self.head, "clips", False):
            raise HeadError("difficulty=input is of whole videos; leave out -p clips=true")

    def learn(self, values: Sequence[Any] | None, y: Values) -> None:
        """See `WrappedHead.learn`."""
        known = self._known(values, len(y))
        self.mean_, self.std_ = known.mean(), spread(known)

    def factor(self, values: Sequence[Any] | None, n: int) -> Values:
        """See `WrappedHead.factor`."""
        known = self._known(values, n)
        return known if self.difficulty == "multiply" else np.ones(n)

    def shown(self, x: Sequences, values: Sequence[Any] | None) -> Sequences:
        """See `WrappedHead.shown`."""
        if self.difficulty == "multiply":
            return x
        scaled = (self._known(values, len(x)) - self.mean_) / self.std_
        return [
            np.column_stack([sequence, np.full(len(sequence), value, np.float32)])
            for sequence, value in zip(check_sequences(x), scaled, strict=True)
        ]

    @property
    def learned(self) -> str:
        """See `WrappedHead.learned`."""
        return "score / difficulty" if self.difficulty == "multiply" else "score"

    def _known(self, values: Sequence[Any] | None, n: int) -> Values:
        """The difficulty of each video, (n,); `HeadError` where one has none."""
        known = np.asarray([None] * n if values is None else values, np.float64)  # None: NaN
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

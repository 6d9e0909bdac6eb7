"""Scores of several actions on one scale, for every scoring head alike: `-p scale=action`.

A head that learns several actions divides each score by the standard deviation of its action's
training scores, and multiplies its answers by it again (parmar2019action §4).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaWarning
from aqa.models.heads.base import BaseHead, HeadError, State, pack_texts, unpack_texts
from aqa.models.scaling import spread
from aqa.models.wrapped import Values, WrappedHead


class ActionHead(WrappedHead):
    """A scoring head of several actions; `fit`, `predict`, `explain` take `action`, one a video.

    An action that no training video is of has no known scale: its answers are given the mean one,
    with a warning; ranks do not depend on it. Fitted besides: `stds_` of `names_`.
    """

    parameter: ClassVar[str] = "scale"
    neutral: ClassVar[str] = "all"
    column: ClassVar[str] = "action"

    def check_fit_with(self, start: BaseHead | None) -> None:
        """See `WrappedHead.check_fit_with`."""
        if self.column in self.head.columns:
            raise HeadError(
                f"{type(self.head).__name__} takes the action by itself; leave out -p scale=action"
            )

    def learn(self, values: Sequence[Any] | None, y: Values) -> None:
        """See `WrappedHead.learn`."""
        actions = self._labels(values, len(y))
        self.names_ = sorted(set(actions))
        own = [y[[action == name for action in actions]] for name in self.names_]
        self.stds_ = np.array([spread(scores) for scores in own])

    @property
    def learned(self) -> str:
        """See `WrappedHead.learned`."""
        return "score / the action's standard deviation"

    def factor(self, values: Sequence[Any] | None, n: int) -> Values:
        """See `WrappedHead.factor`."""
        actions = self._labels(values, n)
        stds = dict(zip(self.names_, self.stds_.tolist(), strict=True))
        strange = sorted({action for action in actions if action not in stds})
        if strange:
            warnings.warn(
                f"no training video is of the action {', '.join(strange)}: its scores are given "
                "the mean spread of the known actions",
                AqaWarning,
                stacklevel=3,
            )
        mean = float(self.stds_.mean())
        return np.array([stds.get(action, mean) for action in actions])

    def state(self) -> State:
        """See `BaseHead.state`."""
        return super().state() | {"stds": self.stds_, "names": pack_texts(self.names_)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> ActionHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        self.stds_, self.names_ = np.asarray(state["stds"]), unpack_texts(state["names"])
        return self

    def _labels(self, values: Sequence[Any] | None, n: int) -> list[str]:
        actions = [""] * n if values is None else ["" if v is None else str(v) for v in values]
        if len(actions) != n:
            raise HeadError(f"{len(actions)} actions for {n} videos")
        missing = sum(not action for action in actions)
        if missing:
            raise HeadError(
                f"scale=action takes the action of every video, and {missing} of {n} have none: "
                "fill the manifest's column `action`"
            )
        return actions

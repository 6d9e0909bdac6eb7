"""Scores of several actions on one scale."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaWarning, HeadUsageError, listed
from aqa.models.examples import Examples
from aqa.models.heads.base import Head, HeadError, State, pack_texts, unpack_texts
from aqa.models.scaling import spread
from aqa.models.target_transforms.base import TargetTransform, Values

if TYPE_CHECKING:
    from typing_extensions import Self


class ActionScaleTransform(TargetTransform):
    """Scores of several actions on one scale (parmar2019action §4).

    Scores are divided by the standard deviation of their action's training scores. An action that
    no training video is of has no known scale: its answers are given the mean one, with a warning;
    ranks do not depend on it. Fitted: `stds_` of the actions `names_`.
    """

    column: ClassVar[str] = "action"

    @property
    def learned(self) -> str:
        """See `TargetTransform.learned`."""
        return "score / the action's standard deviation"

    def check_with(self, head: Head, start: Head | None) -> None:
        """See `TargetTransform.check_with`."""
        if self.column in head.columns:
            raise HeadUsageError(
                f"{type(head).__name__} takes the action by itself; leave out -p scale=action"
            )

    def fit(self, examples: Examples) -> Self:
        """See `TargetTransform.fit`."""
        actions, scores = np.asarray(self._actions(examples), str), examples.scores
        self.names_ = sorted(set(actions.tolist()))
        self.stds_ = np.array([spread(scores[actions == name]) for name in self.names_])
        return self

    def factor(self, examples: Examples) -> Values:
        """See `TargetTransform.factor`."""
        actions = self._actions(examples)
        stds = dict(zip(self.names_, self.stds_.tolist(), strict=True))
        unseen = sorted({action for action in actions if action not in stds})
        if unseen:
            warnings.warn(
                f"no training video is of the action {', '.join(unseen)}: its scores are given "
                "the mean spread of the known actions",
                AqaWarning,
                stacklevel=3,
            )
        mean = float(self.stds_.mean())
        return np.array([stds.get(action, mean) for action in actions])

    def state(self) -> State:
        """See `TargetTransform.state`."""
        return {"stds": self.stds_, "names": pack_texts(self.names_)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `TargetTransform.restore`."""
        self.stds_, self.names_ = np.asarray(state["stds"]), unpack_texts(state["names"])
        return self

    def _actions(self, examples: Examples) -> list[str]:
        n, given = len(examples), examples.columns.get(self.column)
        actions = [""] * n if given is None else ["" if v is None else str(v) for v in given]
        without = [i for i, action in zip(examples.ids, actions, strict=True) if not action]
        if without:
            raise HeadError(
                f"scale=action takes the action of every video, and {len(without)} of {n} have "
                f"none ({listed(without)}): fill the manifest's column `action`, or leave them "
                "out with --skip-incomplete"
            )
        return actions

"""What a target transform is.

A head may learn something else than the score: the score divided by a dive's difficulty, or by the
spread of its action's scores. A transform learns from the training videos' scores and columns,
shows the head other scores or features, and turns the head's answers back into points.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from aqa.models.examples import Examples
from aqa.models.heads.base import Head, State

if TYPE_CHECKING:
    from typing_extensions import Self

Values = NDArray[np.float64]


class TargetTransform(ABC):
    """A transform of a head's target, by one more column of each video.

    column: what it reads, of training videos and of those to answer for.
    """

    column: ClassVar[str]

    @property
    @abstractmethod
    def learned(self) -> str:
        """What the head then learns: `score`, or `score / difficulty`."""

    def check_with(self, head: Head, start: Head | None) -> None:  # noqa: B027
        """Raise `HeadError` where it does not go with a head, or with what the head starts from."""

    @abstractmethod
    def fit(self, examples: Examples) -> Self:
        """Learn from the training videos' scores and column."""

    def forward(self, examples: Examples) -> Examples:
        """The videos as the head learns from them."""
        shown = self.show(examples)
        return replace(shown, scores=examples.scores / self.factor(examples))

    def show(self, examples: Examples) -> Examples:
        """The videos as the head answers for them; scores stay as they are."""
        return examples

    def inverse(self, answers: Values, examples: Examples) -> Values:
        """The head's answers in points, (n, ...)."""
        factor = self.factor(examples)
        return answers * factor.reshape(-1, *[1] * (answers.ndim - 1))

    @abstractmethod
    def factor(self, examples: Examples) -> Values:
        """What each video's score is divided by, (n,)."""

    @abstractmethod
    def state(self) -> State:
        """The fitted arrays by name."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """Become the fitted transform that `state` was taken from."""

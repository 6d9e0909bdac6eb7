"""USDL: the distribution of the score (tang2020)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, name_of, param
from aqa.models.heads.base.distribution import DistributionHead
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.score_graph import ScoreGraph
from aqa.models.scaling import is_constant


@dataclass(repr=False, eq=False)
class USDLHead(DistributionHead):
    """The probabilities of score bins; the expected value is the score.

    The range of the bins is the training scores', wider by 3 standard deviations of a soft label
    on either side: cut off, it would draw the best and the worst scores inwards. The authors'
    bins reach from 0 to 104.5 points.
    """

    low: float | None = param(
        None, "points of the first bin; none: by the training scores", source="ours", low=-math.inf
    )
    high: float | None = param(
        None, "points of the last bin; none: by the training scores", source="ours", low=-math.inf
    )

    columns: ClassVar[tuple[str, ...]] = ("id",)
    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """See `NetworkHead.learn_scores`: the range of the bins."""
        low, high = self._range(scores, columns.get("id"))
        self.low_, self.step_ = np.asarray(low), np.asarray((high - low) / (self.bins - 1))

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `NetworkHead.targets`: numbers of bins, (n, 1)."""
        return self.in_bins(scores)[:, None]

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        return self.decoded(examples)[:, 0]

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        return ScoreGraph(self.values_graph(), 0.0, 1.0)

    def quantiles(self, examples: Examples, at: ArrayLike) -> NDArray[np.float64]:
        """See `GivesQuantiles`."""
        return self.value_quantiles(examples, at)[:, 0]

    def _range(self, scores: NDArray[np.float64], ids: Sequence[str] | None) -> tuple[float, float]:
        room = self.bins - 1 - 6 * self.std
        if room <= 0 and (self.low is None or self.high is None):
            raise HeadError(
                f"std={self.std:g} is too wide for bins={self.bins}: 3 of it on either side leave "
                "no bins for the scores; lower it, or give low and high"
            )
        margin = 3 * self.std * (1.0 if is_constant(scores) else np.ptp(scores)) / room
        low = scores.min() - margin if self.low is None else self.low
        high = scores.max() + margin if self.high is None else self.high
        if low >= high:
            raise HeadError(f"low={low:g} is not below high={high:g}")
        outside = np.flatnonzero((scores < low) | (scores > high))
        if len(outside):
            raise HeadError(
                f"{name_of(outside[0], ids)} has score {scores[outside[0]]:g}, which is not from "
                f"low={low:g} to high={high:g}"
            )
        return float(low), float(high)


HEAD = USDLHead

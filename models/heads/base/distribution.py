"""What the heads that predict a distribution over bins share: the network, the loss, decoding.

tang2020, as farabi2021 §2 describes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from aqa.models.examples import Examples
from aqa.models.heads.base.answers import Answer
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.heads.base.pooling import AverageMLP
from aqa.models.heads.base.score_graph import BinsGraph, ScaledNetwork
from aqa.models.training import losses
from aqa.models.training.loop import Trainer


class BinsNet(AverageMLP):
    """An `AverageMLP` that gives the log-probabilities of bins, for each of several `rows`."""

    def __init__(self, dim: int, widths: tuple[int, ...], rows: int, bins: int):
        super().__init__(dim, widths, rows * bins)
        self.shape = rows, bins

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) zero behind each video's end, lengths (n,) -> (n, rows, bins)."""
        return log_softmax(super().forward(x, lengths).unflatten(1, self.shape), dim=2)


@dataclass(repr=False, eq=False)
class DistributionHead(NetworkHead):
    """The average of a video's clips through layers of 256 and 128, then probabilities of bins.

    One set of probabilities for each value of a video that is predicted. A value's soft label is a
    Gaussian around it, so a predicted distribution is at least as wide as that. The
    loss is `losses.divergence`. Fitted: `low_`, what the first bin stands for; `step_`, from one
    bin to the next.
    """

    bins: int = param(101, "number of bins, at equal distances", source="tang2020", low=2)
    std: float = param(
        5.0, "standard deviation of a value's soft label, in bins", source="tang2020", above=0
    )
    width_1: int = param(256, "width of the first layer", source="tang2020")
    width_2: int = param(128, "width of the second layer", source="tang2020")
    decode: Literal["mean", "mode"] = param(
        "mean",
        "what is predicted: the expected value, or the most probable bin",
        source="mode: tang2020; mean: ours",
    )

    takes_views: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "low_", "step_")

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("quantiles",)

    @property
    def values(self) -> int:
        """How many values of a video are predicted."""
        return 1

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return BinsNet(dim, (self.width_1, self.width_2), self.values, self.bins)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `NetworkHead.trainer`; targets are in bins, (n, values)."""
        loss = partial(losses.divergence, std=self.std)
        return Trainer(net, loss, self.training_settings(), self.seed)

    def values_graph(self) -> nn.Module:
        """The values of one video as a network: float32 (clips, dim) -> (values,)."""
        self.check_fitted()
        network = ScaledNetwork(self.net_, self.centre_, self.scale_)
        return BinsGraph(network, self.low_, self.step_, mode=self.decode == "mode")

    def in_bins(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values as numbers of bins, from 0; between two bins a fraction."""
        numbers: NDArray[np.float64] = (np.asarray(values, float) - self.low_) / self.step_
        return numbers

    def probabilities(self, examples: Examples) -> NDArray[np.float64]:
        """Of each bin, (n, values, bins)."""
        return np.exp(self.outputs(examples))

    def decoded(self, examples: Examples) -> NDArray[np.float64]:
        """The values themselves, (n, values)."""
        probabilities = self.probabilities(examples)
        bins = (
            probabilities.argmax(axis=2)
            if self.decode == "mode"
            else probabilities @ np.arange(probabilities.shape[2])
        )
        values: NDArray[np.float64] = self.low_ + self.step_ * bins
        return values

    def value_quantiles(self, examples: Examples, at: ArrayLike) -> NDArray[np.float64]:
        """What each value stays below with probabilities `at` (k,), (n, values, k).

        Within a bin, which reaches halfway to its neighbours, probability is spread evenly.
        """
        probabilities = self.probabilities(examples)
        edges = self.low_ + self.step_ * (np.arange(probabilities.shape[2] + 1) - 0.5)
        below = np.pad(probabilities.cumsum(axis=2), ((0, 0), (0, 0), (1, 0)))
        below /= below[:, :, -1:]
        rows = [
            np.interp(np.asarray(at), shares_below, edges)
            for shares_below in below.reshape(-1, len(edges))
        ]
        return np.reshape(rows, (*probabilities.shape[:2], -1))

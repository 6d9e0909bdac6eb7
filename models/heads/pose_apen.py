"""ApEnFT: approximate entropy of joints' paths, SVR (venkataraman2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from aqa.models.heads.base import param
from aqa.models.heads.base.pose import PoseHead
from aqa.models.heads.base.vector_svr import Matrix


@dataclass(repr=False, eq=False)
class PoseApEnHead(PoseHead):
    """How irregular each trajectory is: one number per trajectory and window (ApEnFT)."""

    m: int = param(2, "length, in frames, of the stretches that are compared", source="pincus1991")
    r: float = param(
        0.2,
        "tolerance for alike, in standard deviations of the trajectory",
        source="pincus1991: 0.1 to 0.25",
    )

    @property
    def least_frames(self) -> int:
        """See `PoseHead.least_frames`."""
        return self.m + 1

    def describe(self, series: Matrix) -> Matrix:
        """See `PoseHead.describe`: (1, series)."""
        return np.array([[approximate_entropy(s, self.m, self.r * s.std()) for s in series.T]])


def approximate_entropy(series: NDArray[np.float64], m: int, r: float) -> float:
    """Approximate entropy of a series (frames,), in nats; `frames` is more than `m`.

    Minus the logarithm of the likelihood that two stretches of m frames that are alike, that is,
    within r of each other at every frame, are alike at the next frame too (pincus1991). A stretch
    is also compared with itself.
    """
    return _similarity(series, m, r) - _similarity(series, m + 1, r)


def _similarity(series: NDArray[np.float64], m: int, r: float) -> float:
    """The mean logarithm of the share of stretches that are alike with each stretch."""
    stretches = np.lib.stride_tricks.sliding_window_view(series, m)
    near = cdist(stretches, stretches, "chebyshev") <= r
    return float(np.log(near.mean(axis=1)).mean())


HEAD = PoseApEnHead

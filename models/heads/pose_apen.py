"""ApEnFT: approximate entropy of joints' paths, SVR (venkataraman2015)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from aqa.models.heads.base import param
from aqa.models.heads.base.pose import Matrix, PoseHead


@dataclass(repr=False, eq=False)
class PoseApEnHead(PoseHead):
    """How irregular each trajectory is, one number a trajectory and window."""

    m: int = param(2, "frames that are alike before the next one is compared", source="pincus1991")
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

    The logarithmic likelihood that stretches of m frames that are within r of each other at every
    frame are so at the next frame too; a stretch is compared with itself as well (Pincus 1991).
    """
    return _similarity(series, m, r) - _similarity(series, m + 1, r)


def _similarity(series: NDArray[np.float64], m: int, r: float) -> float:
    """Mean logarithm of the share of stretches that are within r of a stretch."""
    stretches = np.lib.stride_tricks.sliding_window_view(series, m)
    near = cdist(stretches, stretches, "chebyshev") <= r
    return float(np.log(near.mean(axis=1)).mean())


HEAD = PoseApEnHead

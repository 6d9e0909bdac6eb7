"""Which clip of one video corresponds to which of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]
Align = Callable[[Features, Features], NDArray[np.intp]]


def by_index(a: Features, b: Features) -> NDArray[np.intp]:
    """For each clip of a the clip of b of the same number, or b's last (jain2020 §IV)."""
    return np.minimum(np.arange(len(a)), len(b) - 1)


def by_dtw(a: Features, b: Features) -> NDArray[np.intp]:
    """Dynamic time warping on Euclidean distances; of several clips of b, the nearest.

    Ends are matched with ends and order is kept; (clips, dim) each.
    """
    gaps = np.sqrt(np.maximum(_squared_distances(a.astype(float), b.astype(float)), 0))
    path = _path(_costs(gaps))
    matched = np.full(len(a), -1)
    for i, j in path:
        if matched[i] < 0 or gaps[i, j] < gaps[i, matched[i]]:
            matched[i] = j
    return matched


ALIGNMENTS: dict[str, Align] = {"index": by_index, "dtw": by_dtw}


def _squared_distances(a: Features, b: Features) -> Features:
    distances: Features = (a * a).sum(1)[:, None] - 2 * a @ b.T + (b * b).sum(1)
    return distances


def _costs(gaps: Features) -> Features:
    """The least sum of distances on the way from (0, 0) to each cell, framed by infinity."""
    costs = np.full((gaps.shape[0] + 1, gaps.shape[1] + 1), np.inf)
    costs[0, 0] = 0
    for i, row in enumerate(gaps, start=1):
        for j, gap in enumerate(row, start=1):
            costs[i, j] = gap + min(costs[i - 1, j - 1], costs[i - 1, j], costs[i, j - 1])
    return costs


def _path(costs: Features) -> list[tuple[int, int]]:
    i, j = costs.shape[0] - 1, costs.shape[1] - 1
    path = []
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        # Straight on where steps tie.
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda cell: costs[cell])
    return path

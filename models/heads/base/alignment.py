"""Which clip of one video corresponds to which clip of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

ClipFeatures = NDArray[np.floating]
Align = Callable[[ClipFeatures, ClipFeatures], NDArray[np.intp]]


def by_index(a: ClipFeatures, b: ClipFeatures) -> NDArray[np.intp]:
    """For each clip of a, the clip of b of the same number, or the last of b (jain2020 §IV)."""
    return np.minimum(np.arange(len(a)), len(b) - 1)


def by_dtw(a: ClipFeatures, b: ClipFeatures) -> NDArray[np.intp]:
    """For each clip of a, the nearest of the clips of b that dynamic time warping matches with it.

    a, b: (clips, dim), compared by Euclidean distance. First clips are matched with each other, and
    so are last clips; the order is kept.
    """
    gaps = cdist(a.astype(float), b.astype(float))
    path = _path(_costs(gaps))
    matched = np.full(len(a), -1)
    for i, j in path:
        if matched[i] < 0 or gaps[i, j] < gaps[i, matched[i]]:
            matched[i] = j
    return matched


ALIGNMENTS: dict[str, Align] = {"index": by_index, "dtw": by_dtw}


def _costs(gaps: ClipFeatures) -> ClipFeatures:
    """The least sum of distances on a path to each cell, behind a row and a column of infinity."""
    costs = np.full((gaps.shape[0] + 1, gaps.shape[1] + 1), np.inf)
    costs[0, 0] = 0
    for i, row in enumerate(gaps, start=1):
        for j, gap in enumerate(row, start=1):
            costs[i, j] = gap + min(costs[i - 1, j - 1], costs[i - 1, j], costs[i, j - 1])
    return costs


def _path(costs: ClipFeatures) -> list[tuple[int, int]]:
    i, j = costs.shape[0] - 1, costs.shape[1] - 1
    path = []
    while i > 0 and j > 0:
        path.append((i - 1, j - 1))
        # Where costs tie, both videos go on by a clip.
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda cell: costs[cell])
    return path

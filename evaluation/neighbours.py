"""What the place of a video in the list of its dataset tells of its score.

Datasets list the videos of an event, or of an athlete, one after the other. Where a split was drawn
video by video, those next to a test video are training videos of the same event, often of the same
athlete, and their scores tell its own without a look at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split

NEIGHBOURS = "neighbours"
# How many training videos are averaged; ours.
COUNTS = (1, 2, 3, 5, 8, 13, 20)


def neighbour_means(split: Split, manifest: Manifest) -> dict[str, float]:
    """The mean score of the training videos listed next to each video of a split.

    Neighbours are the nearest in the manifest among videos of the same action, a training video not
    being its own. How many are averaged is chosen for each action by the squared error on its
    training videos. An action with less than two of these gets the mean of all training videos.
    """
    places: dict[str | None, list[str]] = {}
    for video in manifest:
        places.setdefault(video.action, []).append(video.id)
    scores = {i: manifest.by_id[i].score for i in split.train}
    means = dict.fromkeys((*split.train, *split.test), float(np.mean(list(scores.values()))))
    for ids in places.values():
        means |= _of_action(ids, scores, set(split.test))
    return means


def _of_action(
    ids: Sequence[str], scores: Mapping[str, float], tested: set[str]
) -> dict[str, float]:
    """Those of one action. ids: its videos as they are listed; scores: of training videos."""
    known = np.array([at for at, i in enumerate(ids) if i in scores])
    if len(known) < 2:
        return {}
    own = np.array([scores[ids[at]] for at in known])
    learned = np.array([_means(at, known, own) for at in known])  # (n_train, len(COUNTS))
    best = int(np.argmin(((learned - own[:, None]) ** 2).mean(axis=0)))
    means = {ids[at]: float(row[best]) for at, row in zip(known, learned, strict=True)}
    for at, i in enumerate(ids):
        if i in tested:
            means[i] = float(_means(at, known, own)[best])
    return means


def _means(at: int, known: NDArray[np.int64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means of the scores of the nearest videos but itself, for each of `COUNTS`.

    known: places of the training videos, in order; own: their scores.
    """
    middle, most = int(np.searchsorted(known, at)), COUNTS[-1]
    near = np.arange(max(0, middle - most), min(len(known), middle + most + 1))
    near = near[known[near] != at]
    near = near[np.argsort(np.abs(known[near] - at), kind="stable")][:most]
    sums = own[near].cumsum()
    counts = np.minimum(COUNTS, len(near))
    return np.asarray(sums[counts - 1] / counts)

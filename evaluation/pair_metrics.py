"""How well similar pairs of videos are told from dissimilar ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import LEVEL, MetricValues, resample_counts, whole_first
from aqa.models.pairs import Pairs

# So many weights are in memory at once, 80 MB of them.
_WEIGHTS = 10_000_000


def measure_pairs(
    pairs: Pairs,
    probability: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = 500,
    seed: int = 0,
) -> MetricValues:
    """Accuracy, balanced accuracy and ROC-AUC; similar is a probability of 0.5 and above.

    Pairs that share a video are not independent, so the bootstrap draws videos: a pair counts as
    often as both of its videos are drawn, the number of one times that of the other. counts: how
    many pairs there are of each kind.
    """
    chance = np.asarray(probability, float)
    videos, ends = np.unique(np.stack([pairs.first, pairs.second]), return_inverse=True)
    first, second = ends.reshape(2, -1)
    drawn = whole_first(resample_counts(len(videos), resamples, seed))
    steps = np.array_split(drawn, -(-len(drawn) * len(chance) // _WEIGHTS) or 1)
    samples = {
        metric.name: np.concatenate(
            [
                metric.function(pairs.similar, chance, own[:, first] * own[:, second])
                for own in steps
            ]
        )
        for metric in metrics_of("pairs")
    }
    return MetricValues.of(len(chance), samples, level, **pairs.counts())

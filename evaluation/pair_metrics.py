"""How well similar pairs of videos are told from dissimilar ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import LEVEL, MetricValues, resampled
from aqa.metrics import Values
from aqa.models.pairs import Pairs

# Fewer than of scores: there are many more pairs than videos.
RESAMPLES = 500
# So many weights are in memory at once: a step that fits a processor's cache is the quickest.
_WEIGHTS = 500_000


def measure_pairs(
    pairs: Pairs,
    probability: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricValues:
    """Accuracy, balanced accuracy and ROC-AUC; similar is a probability of 0.5 and above.

    Pairs that share a video are not independent, so the bootstrap draws videos: a pair counts as
    often as both of its videos are drawn, the number of one times that of the other. counts: how
    many pairs there are of each kind.
    """
    order = np.argsort(probability, kind="stable")  # once: ROC-AUC sorts in every step
    chance = np.asarray(probability, float)[order]
    similar = pairs.similar[order]
    videos, ends = np.unique(
        np.stack([pairs.first[order], pairs.second[order]]), return_inverse=True
    )
    first, second = ends.reshape(2, -1)

    def measure(drawn: Values) -> dict[str, Values]:
        steps = np.array_split(drawn, -(-len(drawn) * len(chance) // _WEIGHTS) or 1)
        values: dict[str, list[Values]] = {metric.name: [] for metric in metrics_of("pairs")}
        for step in steps:
            weight = np.take(step, first, axis=1) * np.take(step, second, axis=1)
            for metric in metrics_of("pairs"):
                values[metric.name].append(metric.function(similar, chance, weight))
        return {name: np.concatenate(arrays) for name, arrays in values.items()}

    samples = resampled(len(videos), measure, resamples, seed)
    return MetricValues.of(len(chance), samples, level, **pairs.counts())

"""Every metric of predicted scores, with bootstrap intervals over the videos."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, resampled
from aqa.metrics import Values

# With fewer videos the bootstrap says nothing: of four, its 95 % interval holds the truth in 71 %.
FEWEST = 8
# Of five videos, one order in sixty (either way) is perfect by chance, of two every one.
FEWEST_RANKED = 6


def measure_scores(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    span: ArrayLike | None = None,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
    kind: str = "scores",
) -> MetricValues:
    """Every metric of the kind, each with a percentile interval; none below `FEWEST` videos.

    y_true, y_pred: (n,) points. span: see `relative_l2`; it is the same in every resample.
    resamples: 0 leaves out the intervals, which cost nearly all of the time.
    """
    found = score_samples(y_true, y_pred, span=span, resamples=resamples, seed=seed, kind=kind)
    return measured(len(np.asarray(y_true)), found, level)


def measured(n: int, samples: Mapping[str, Values], level: float = LEVEL) -> MetricValues:
    """The measurement of n videos, from `score_samples`."""
    metrics = MetricValues.of(n, samples, level)
    return metrics if n >= FEWEST else metrics.without_intervals()


def score_samples(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    span: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    kind: str = "scores",
) -> dict[str, Values]:
    """Every metric of the whole sample, first, and of its resamples: (1 + resamples,) each."""
    true, pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if not len(true):
        return {metric.name: np.full(1, np.nan) for metric in metrics_of(kind)}
    given = {} if span is None else {"relative_l2": {"span": np.asarray(span, float)}}

    def measure(counts: Values) -> dict[str, Values]:
        return {
            metric.name: metric.function(true, pred, counts, **given.get(metric.name, {}))
            for metric in metrics_of(kind)
        }

    return resampled(len(true), measure, resamples, seed)

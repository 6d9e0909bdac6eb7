"""What some heads say beside a score: quantiles of it, and attributes of the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from aqa.annotations.columns import ATTRIBUTES
from aqa.evaluation.metric import metric_of
from aqa.evaluation.resampling import LEVEL, RESAMPLES, MetricValues, resampled
from aqa.metrics import Values
from aqa.models.trust.score_range import QUANTILES


def quantile_column(q: float) -> str:
    """The column of predictions.csv that holds a quantile of each score."""
    return f"quantile_{q:g}"


def measure_coverage(
    y_true: ArrayLike,
    quantiles: ArrayLike,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricValues:
    """How often the true score lies in the central 50, 80 and 95 % of what was predicted of it.

    quantiles: (n, 7) points, at `QUANTILES`. A calibrated head's coverage is near the name's
    number; more is too careful, less too sure. width_80: the mean width of the 80 %, in points.
    below_<q>, counted: the share of true scores below that quantile, for a reliability curve.
    """
    true, bounds = np.asarray(y_true, float), np.asarray(quantiles, float)
    columns = dict(zip(QUANTILES, bounds.T, strict=True))
    each = {
        f"coverage_{percent}": (columns[low] <= true) & (true <= columns[high])
        for percent, low, high in ((50, 0.25, 0.75), (80, 0.1, 0.9), (95, 0.025, 0.975))
    }
    each["width_80"] = columns[0.9] - columns[0.1]

    def measure(drawn: Values) -> dict[str, Values]:
        return {
            name: metric_of(name, "coverage").function(drawn @ values, len(true))
            for name, values in each.items()
        }

    samples = resampled(len(true), measure, resamples, seed)
    below = {f"below_{q:g}": float((true < bound).mean()) for q, bound in columns.items()}
    return MetricValues.of(len(true), samples, level, **below)


def measure_attributes(
    true: Sequence[Mapping[str, str]],
    said: Sequence[Mapping[str, str]],
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> MetricValues:
    """The share of videos whose attribute is named rightly, of those whose attribute is known.

    true, said: for each video, name -> label. An attribute that is never said is None.
    """
    known, right = {}, {}
    for name in ATTRIBUTES:
        pairs = [(t.get(name), s.get(name)) for t, s in zip(true, said, strict=True)]
        known[name] = np.array([None not in pair for pair in pairs], bool)
        right[name] = known[name] & np.array([t == s for t, s in pairs], bool)

    def measure(drawn: Values) -> dict[str, Values]:
        return {
            name: metric_of(name, "attributes").function(drawn @ right[name], drawn @ known[name])
            for name in ATTRIBUTES
        }

    samples = resampled(len(true), measure, resamples, seed)
    return MetricValues.of(len(true), samples, level)

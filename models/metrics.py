"""How far predictions are from the judges, with intervals: (y_true, y_pred) -> a number.

Every metric takes arrays of shape (..., n) and reduces the last axis, so that a bootstrap costs
one call. Sources: 001 5.1, 002 4.2 (eq. 11, 12), 003 eq. 4, 004 5.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
Metric = Callable[[Values, Values], Values]


def spearman(y_true: Values, y_pred: Values) -> Values:
    """Rank correlation: Pearson's on average ranks, which is right with ties too.

    NaN where it is undefined: fewer than two videos, or all values equal.
    """
    a, b = (scipy.stats.rankdata(y, axis=-1) for y in (y_true, y_pred))
    a, b = (r - r.mean(axis=-1, keepdims=True) for r in (a, b))
    norm = np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=-1) / norm


def mse(y_true: Values, y_pred: Values) -> Values:
    """Mean squared error, in squared points."""
    return np.square(y_pred - y_true).mean(axis=-1)


def med(y_true: Values, y_pred: Values) -> Values:
    """Mean Euclidean distance, that is mean absolute error, in points (002 eq. 12)."""
    return np.abs(y_pred - y_true).mean(axis=-1)


def relative_l2(y_true: Values, y_pred: Values, span: float | None = None) -> Values:
    """Mean of ((pred - true) / (max true - min true))^2, times 100.

    span: the range to divide by where it is not that of `y_true`.
    """
    span = np.ptp(y_true, axis=-1) if span is None else span
    with np.errstate(divide="ignore", invalid="ignore"):
        return 100 * mse(y_true, y_pred) / np.square(span)


METRICS: dict[str, Metric] = {
    "spearman": spearman,
    "mse": mse,
    "med": med,
    "relative_l2": relative_l2,
}


def report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, object]:
    """Every metric, each with a percentile bootstrap interval over the videos.

    Gives `n`, and for each metric `name: value` and `name_interval: [low, high]`; None where a
    value is undefined. The range that relative L2 divides by is the whole sample's in every
    resample.
    """
    true, pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    draws = np.random.default_rng(seed).integers(len(true), size=(resamples, len(true)))
    result: dict[str, object] = {"n": len(true)}
    fixed_span = partial(relative_l2, span=np.ptp(true) if len(true) else np.nan)
    for name, metric in (METRICS | {"relative_l2": fixed_span}).items():
        value = float(metric(true, pred)) if len(true) else np.nan
        result[name] = _number(value)
        samples = metric(true[draws], pred[draws]) if len(true) > 1 else np.array([np.nan])
        result[f"{name}_interval"] = _interval(samples, level)
    return result


def _interval(samples: Values, level: float) -> list[float] | None:
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return [float(low), float(high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

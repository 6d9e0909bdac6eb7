"""How good predictions, pairs and feedback are, with intervals: (y_true, y_pred) -> a number.

Every metric takes arrays of shape (..., n) and reduces the last axis, so that a bootstrap costs
one call. Sources: 001 5.1, 002 4.2 (eq. 11, 12), 003 eq. 4, 004 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from aqa.features.manifest import ATTRIBUTES
from aqa.models.pairs import Pairs

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

# What is reported of each kind of answer.
KINDS: dict[str, tuple[str, ...]] = {
    "scores": tuple(METRICS),
    "pairs": ("accuracy", "balanced_accuracy", "roc_auc"),
    "feedback": ("precision", "recall", "f1"),
    "coverage": ("coverage_50", "coverage_80", "coverage_95", "width_80"),
    "attributes": ATTRIBUTES,
}

# The probabilities of a predicted score's quantiles that are kept: the bounds of the central 50,
# 80 and 95 % and the median.
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


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


def report_pairs(
    pairs: Pairs,
    probability: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 500,
    seed: int = 0,
) -> dict[str, Any]:
    """How well similar pairs are told from dissimilar ones; similar is 0.5 and above.

    Pairs that share a video are not independent, so the bootstrap draws videos: a pair counts as
    often as both of its videos are drawn, one after the other. Gives `n` and the counts of each
    kind beside what `report` gives.
    """
    chance = np.asarray(probability, float)
    right = (chance >= 0.5) == pairs.similar
    videos, ends = np.unique(np.stack([pairs.first, pairs.second]), return_inverse=True)
    first, second = ends.reshape(2, -1)
    values: dict[str, list[float]] = {name: [] for name in KINDS["pairs"]}
    ranked = _Ranked(chance, pairs.similar)
    for drawn in _with_all_first(_resample_counts(len(videos), resamples, seed)):
        weight = drawn[first] * drawn[second]
        similar, dissimilar = weight * pairs.similar, weight * ~pairs.similar
        with np.errstate(invalid="ignore"):
            both = [(kind @ right) / kind.sum() for kind in (similar, dissimilar)]
            values["accuracy"].append((weight @ right) / weight.sum())
            values["balanced_accuracy"].append((both[0] + both[1]) / 2)
            values["roc_auc"].append(ranked.auc(weight))
    return {"n": len(chance), **pairs.counts(), **_with_intervals(values, level)}


def report_feedback(
    truth: Sequence[NDArray[np.bool_]],
    said: Sequence[NDArray[np.bool_]],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Precision, recall and F1 of faulty clips, pooled over videos (000 Table VIII).

    truth, said: for each video, which of its clips are faulty. The bootstrap draws videos, since
    the clips of one are not independent.
    """
    counts = np.array(
        [[(t & s).sum(), s.sum(), t.sum(), len(t)] for t, s in zip(truth, said, strict=True)]
    )
    drawn = np.stack(list(_with_all_first(_resample_counts(len(counts), resamples, seed))))
    hits, said_faulty, faulty, _ = (drawn @ counts).T
    with np.errstate(invalid="ignore", divide="ignore"):
        samples = (hits / said_faulty, hits / faulty, 2 * hits / (said_faulty + faulty))
    values = dict(zip(KINDS["feedback"], samples, strict=True))
    return {
        "n": len(counts),
        "clips": int(counts[:, 3].sum()),
        "faulty": int(counts[:, 2].sum()),
        "said_faulty": int(counts[:, 1].sum()),
        **_with_intervals(values, level),
    }


def report_coverage(
    y_true: ArrayLike,
    quantiles: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """How often the true score lies in the central 50, 80 and 95 % of what was predicted of it.

    quantiles: (n, 7) points, at `QUANTILES`. A calibrated head's coverage is near the name's
    number; more is too careful, less too sure. width_80: the mean width of the 80 %, in points.
    below_<q>: the share of true scores below that quantile, for a curve of reliability.
    """
    true, bounds = np.asarray(y_true, float), np.asarray(quantiles, float)
    columns = dict(zip(QUANTILES, bounds.T, strict=True))
    each = {
        f"coverage_{share}": (columns[low] <= true) & (true <= columns[high])
        for share, low, high in ((50, 0.25, 0.75), (80, 0.1, 0.9), (95, 0.025, 0.975))
    }
    each["width_80"] = columns[0.9] - columns[0.1]
    draws = np.random.default_rng(seed).integers(len(true), size=(resamples, len(true)))
    samples = {
        name: np.concatenate([[own.mean()], own[draws].mean(axis=1)]) for name, own in each.items()
    }
    below = {f"below_{q:g}": float((true < bound).mean()) for q, bound in columns.items()}
    return {"n": len(true), **_with_intervals(samples, level), **below}


def report_attributes(
    true: Sequence[Mapping[str, str]],
    said: Sequence[Mapping[str, str]],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """The share of videos whose attribute is named rightly, of those whose attribute is known.

    true, said: name -> label, one a video. An attribute that is never said is None.
    """
    drawn = np.stack(list(_with_all_first(_resample_counts(len(true), resamples, seed))))
    values = {}
    for name in ATTRIBUTES:
        known = np.array([name in t and name in s for t, s in zip(true, said, strict=True)])
        right = np.array([t.get(name) == s.get(name) for t, s in zip(true, said, strict=True)])
        with np.errstate(invalid="ignore"):
            values[name] = (drawn @ (known & right)) / (drawn @ known)
    return {"n": len(true), **_with_intervals(values, level)}


class _Ranked:
    """The area under the ROC curve of weighted pairs, sorted once for many weightings."""

    def __init__(self, values: Values, positive: NDArray[np.bool_]):
        self._order = np.argsort(values, kind="stable")
        ordered = values[self._order]
        self._positive = positive[self._order]
        self._ties = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])

    def auc(self, weight: Values) -> float:
        """The chance that a positive ranks above a negative; ties count half."""
        weight = weight[self._order]
        positive = np.add.reduceat(weight * self._positive, self._ties)
        negative = np.add.reduceat(weight * ~self._positive, self._ties)
        below = np.cumsum(negative) - negative / 2
        with np.errstate(invalid="ignore"):
            return float(positive @ below / (positive.sum() * negative.sum()))


def _with_all_first(drawn: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """The whole sample, every video once, and then its resamples."""
    yield np.ones(drawn.shape[1])
    yield from drawn


def _with_intervals(values: Mapping[str, Sequence[float] | Values], level: float) -> dict[str, Any]:
    """Each metric's value on the whole sample, which stands first, and its interval."""
    result: dict[str, Any] = {}
    for name, samples in values.items():
        result[name] = _number(samples[0])
        result[f"{name}_interval"] = _interval(np.asarray(samples[1:]), level)
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


def _resample_counts(n: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each of n videos is drawn in each resample, (resamples, n)."""
    draws = np.random.default_rng(seed).integers(n, size=(resamples, n))
    counts = np.zeros((resamples, n))
    np.add.at(counts, (np.arange(resamples)[:, None], draws), 1)
    return counts

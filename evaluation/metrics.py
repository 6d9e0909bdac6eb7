"""How good predictions, pairs and feedback are, with intervals: (y_true, y_pred) -> a number.

A metric of scores takes `weight` too, (resamples, n): how often each of the n videos counts in each
resample. With whole numbers that is exactly the metric of a sample in which each video stands so
often, and a bootstrap costs one call. Sources: li2018end §5.1, li2018scoringnet §4.2 (eq. 11, 12),
farabi2021 eq. 4, parmar2019action §5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.annotations.columns import ATTRIBUTES
from aqa.models.pairs import Pairs
from aqa.models.stages import stage_labels

Values = NDArray[np.float64]


class Metric(Protocol):
    """What tells how near predictions are to the scores."""

    def __call__(self, y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
        """(n,), (n,) -> a number; with weights (resamples, n) -> (resamples,)."""
        ...


def spearman(y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
    """Rank correlation: Pearson's on average ranks, which is right with ties too.

    NaN where it is undefined: fewer than two videos, or all values equal.
    """
    return pearson(ranks(y_true, weight), ranks(y_pred, weight), weight)


def pearson(y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
    """Linear correlation; NaN where it is undefined."""
    weight = np.ones(y_true.shape[-1]) if weight is None else weight
    a, b = _centred(y_true, weight), _centred(y_pred, weight)
    norm = np.sqrt(_sum(weight, a, a) * _sum(weight, b, b))
    with np.errstate(invalid="ignore"):
        return _sum(weight, a, b) / norm


def kendall(y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
    """Kendall's tau-b: pairs of videos in the right order less those in the wrong, ties apart.

    NaN where it is undefined.
    """
    weight = np.ones(len(y_true)) if weight is None else weight
    a, b = (np.sign(y[:, None] - y) for y in (y_true, y_pred))
    untied = _untied(y_true, weight) * _untied(y_pred, weight)
    with np.errstate(invalid="ignore"):
        return _sum(weight @ (a * b), weight) / np.sqrt(untied)


def mse(y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
    """Mean squared error, in squared points."""
    return _mean(np.square(y_pred - y_true), weight)


def med(y_true: Values, y_pred: Values, weight: Values | None = None) -> Values:
    """Mean Euclidean distance, that is mean absolute error, in points (li2018scoringnet eq. 12)."""
    return _mean(np.abs(y_pred - y_true), weight)


def relative_l2(
    y_true: Values,
    y_pred: Values,
    weight: Values | None = None,
    *,
    span: Values | float | None = None,
) -> Values:
    """Mean of ((pred - true) / (highest - lowest score))^2, times 100: R-l2 of Yu et al. 2021.

    span: highest less lowest score of each video's action, in points, (n,) or one for all; None
    takes that of `y_true`. NaN where it is 0.
    """
    span = np.ptp(y_true) if span is None else span
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.square((y_pred - y_true) / span)
    return 100 * _mean(np.where(np.isfinite(error), error, np.nan), weight)


def ranks(y: Values, weight: Values | None = None) -> Values:
    """Ranks from 1, ties sharing their mean, (n,); with weights in each resample, (resamples, n).

    A value of weight 3 is three equal values.
    """
    weight = np.ones(len(y)) if weight is None else weight
    counts, run = _runs(y, weight)
    middles: Values = np.cumsum(counts, axis=-1) - (counts - 1) / 2
    return middles[..., run]


def mean_and_std(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """The mean, as `name`, and the sample standard deviation, as `name_std`.

    None where one of the values is undefined, or, of the deviation, where there is but one.
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {name: None, f"{name}_std": None}
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {name: float(np.mean(known)), f"{name}_std": deviation}


def fisher_z(correlations: ArrayLike) -> Values:
    """The mean of correlations over the last axis by Fisher's z, tanh(mean(atanh)) (parmar2019action §5).

    NaN where one is undefined, or is 1 or -1, whose z is infinite.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.arctanh(np.asarray(correlations, float)).mean(axis=-1)
    return np.tanh(np.where(np.isfinite(mean), mean, np.nan))


def _runs(y: Values, weight: Values) -> tuple[Values, NDArray[np.intp]]:
    """The weight of each run of equal values in rising order, and the run of each value."""
    order = np.argsort(y, kind="stable")
    starts = np.flatnonzero(np.diff(y[order], prepend=np.nan) != 0)
    run = np.empty(len(y), np.intp)
    run[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(y)))
    return np.add.reduceat(weight[..., order], starts, axis=-1), run


def _untied(y: Values, weight: Values) -> Values:
    """How many ordered pairs of videos differ in y."""
    counts, _ = _runs(y, weight)
    return np.square(counts.sum(axis=-1)) - _sum(counts, counts)


def _centred(y: Values, weight: Values) -> Values:
    mean = _sum(weight, y) / weight.sum(axis=-1)
    rest = y - mean[..., None]
    # What rounding leaves of equal values is no variation.
    rest[np.abs(rest) <= 1e-13 * np.abs(y).max()] = 0.0
    return rest


def _sum(*factors: Values) -> Values:
    """The sum over the last axis of the product."""
    terms = ",".join(["...i"] * len(factors))
    total: Values = np.einsum(f"{terms}->...", *factors)
    return total


def _mean(values: Values, weight: Values | None) -> Values:
    return values.mean() if weight is None else (weight @ values) / weight.sum(axis=-1)


METRICS: dict[str, Metric] = {
    "spearman": spearman,
    "pearson": pearson,
    "kendall": kendall,
    "mse": mse,
    "med": med,
    "relative_l2": relative_l2,
}

# What is reported of each kind of answer.
KINDS: dict[str, tuple[str, ...]] = {
    "scores": tuple(METRICS),
    "pairs": ("accuracy", "balanced_accuracy", "roc_auc"),
    "feedback": ("precision", "recall", "f1"),
    "stages": ("accuracy", "start_error"),
    "parts": tuple(METRICS),
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
    span: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Every metric, each with a percentile bootstrap interval over the videos.

    Gives `n`, and for each metric `name: value` and `name_interval: [low, high]`; None where a
    value is undefined. span: see `relative_l2`; it is the same in every resample.
    """
    true = np.asarray(y_true, float)
    values = resampled(true, y_pred, resample_counts(len(true), resamples, seed), span=span)
    return {"n": len(true), **with_intervals(values, level)}


def resampled(
    y_true: ArrayLike, y_pred: ArrayLike, counts: Values, *, span: ArrayLike | None = None
) -> dict[str, Values]:
    """Every metric of the whole sample, first, and of its resamples: (1 + resamples,) each."""
    true, pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if not len(true):
        return {name: np.full(1, np.nan) for name in METRICS}
    # A single video is the same in every resample, which tells nothing.
    weight = np.stack(list(_with_all_first(counts if len(true) > 1 else counts[:0])))
    known = METRICS | {
        "relative_l2": partial(relative_l2, span=None if span is None else np.asarray(span, float))
    }
    return {name: metric(true, pred, weight) for name, metric in known.items()}


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
    for drawn in _with_all_first(resample_counts(len(videos), resamples, seed)):
        weight = drawn[first] * drawn[second]
        similar, dissimilar = weight * pairs.similar, weight * ~pairs.similar
        with np.errstate(invalid="ignore"):
            both = [(kind @ right) / kind.sum() for kind in (similar, dissimilar)]
            values["accuracy"].append((weight @ right) / weight.sum())
            values["balanced_accuracy"].append((both[0] + both[1]) / 2)
            values["roc_auc"].append(ranked.auc(weight))
    return {"n": len(chance), **pairs.counts(), **with_intervals(values, level)}


def report_feedback(
    truth: Sequence[NDArray[np.bool_]],
    said: Sequence[NDArray[np.bool_]],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Precision, recall and F1 of faulty clips, pooled over videos (jain2020 Table VIII).

    truth, said: for each video, which of its clips are faulty. The bootstrap draws videos, since
    the clips of one are not independent.
    """
    counts = np.array(
        [[(t & s).sum(), s.sum(), t.sum(), len(t)] for t, s in zip(truth, said, strict=True)]
    )
    drawn = np.stack(list(_with_all_first(resample_counts(len(counts), resamples, seed))))
    hits, said_faulty, faulty, _ = (drawn @ counts).T
    with np.errstate(invalid="ignore", divide="ignore"):
        samples = (hits / said_faulty, hits / faulty, 2 * hits / (said_faulty + faulty))
    values = dict(zip(KINDS["feedback"], samples, strict=True))
    return {
        "n": len(counts),
        "clips": int(counts[:, 3].sum()),
        "faulty": int(counts[:, 2].sum()),
        "said_faulty": int(counts[:, 1].sum()),
        **with_intervals(values, level),
    }


def report_stages(
    names: Sequence[str],
    true: Sequence[NDArray[np.integer]],
    found: Sequence[NDArray[np.integer]],
    n_frames: Sequence[int],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """How well stages are told: all frames together, and under `stages` those of each stage.

    true, found: for each video the first frame of each stage, (n_stages,). accuracy: the share of
    a stage's frames that are said to be of it (li2018scoringnet §4.4). start_error: the mean
    distance of its start from the true one, in frames; None of the first stage, whose start is no
    question. The bootstrap draws videos.
    """
    frames, hits = np.zeros((2, len(n_frames), len(names)))
    for i, (one, other, n) in enumerate(zip(true, found, n_frames, strict=True)):
        labels = stage_labels(one, n)
        frames[i] = np.bincount(labels, minlength=len(names))
        right = labels[labels == stage_labels(other, n)]
        hits[i] = np.bincount(right, minlength=len(names))
    error = np.abs(np.stack(found) - np.stack(true)).astype(float)
    drawn = np.stack(list(_with_all_first(resample_counts(len(frames), resamples, seed))))

    def evaluated(count: Values, hit: Values, off: Values) -> dict[str, Any]:
        with np.errstate(invalid="ignore"):
            samples = ((drawn @ hit) / (drawn @ count), drawn @ off / len(frames))
        values = dict(zip(KINDS["stages"], samples, strict=True))
        return {"n": len(frames), "frames": int(count.sum()), **with_intervals(values, level)}

    unasked = np.full(len(frames), np.nan)
    return {
        **evaluated(frames.sum(axis=1), hits.sum(axis=1), error[:, 1:].mean(axis=1)),
        "stages": {
            name: evaluated(frames[:, i], hits[:, i], error[:, i] if i else unasked)
            for i, name in enumerate(names)
        },
    }


def stage_results(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What `report_stages` found as rows: all stages together, then each."""
    whole = dict(found)
    stages = whole.pop("stages")
    return [
        {"part": "all", **whole},
        *({"part": name, **own} for name, own in stages.items()),
    ]


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
    drawn = np.stack(list(_with_all_first(resample_counts(len(true), resamples, seed))))
    samples = {name: drawn @ own / len(true) for name, own in each.items()}
    below = {f"below_{q:g}": float((true < bound).mean()) for q, bound in columns.items()}
    return {"n": len(true), **with_intervals(samples, level), **below}


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
    drawn = np.stack(list(_with_all_first(resample_counts(len(true), resamples, seed))))
    values = {}
    for name in ATTRIBUTES:
        known = np.array([name in t and name in s for t, s in zip(true, said, strict=True)])
        right = np.array([t.get(name) == s.get(name) for t, s in zip(true, said, strict=True)])
        with np.errstate(invalid="ignore"):
            values[name] = (drawn @ (known & right)) / (drawn @ known)
    return {"n": len(true), **with_intervals(values, level)}


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


def with_intervals(values: Mapping[str, Sequence[float] | Values], level: float) -> dict[str, Any]:
    """Each metric's value on the whole sample, which stands first, and its interval."""
    result: dict[str, Any] = {}
    for name, samples in values.items():
        result[name] = _number(samples[0])
        result[f"{name}_interval"] = interval(np.asarray(samples[1:]), level)
    return result


def interval(samples: Values, level: float) -> list[float] | None:
    """The middle `level` of the resamples in which a value is defined; None where none is."""
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return [float(low), float(high)]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def resample_counts(n: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each of n videos is drawn in each resample, (resamples, n)."""
    if not n:
        return np.zeros((resamples, 0))
    draws = np.random.default_rng(seed).integers(n, size=(resamples, n))
    cells = draws + n * np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=n * resamples)
    return counts.reshape(resamples, n).astype(float)

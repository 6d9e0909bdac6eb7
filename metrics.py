"""Plain metric functions: how near predictions are to the scores, pairs and clips told apart.

A metric of scores takes `weight` too, (resamples, n): how often each of the n videos counts in each
resample. With whole numbers that is exactly the metric of a sample in which each video stands so
often, and a bootstrap costs one call. Sources: li2018end §5.1, li2018scoringnet §4.2 (eq. 11, 12),
farabi2021 eq. 4, parmar2019action §5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# Correlations nearer to 1 or -1 than this are 1 or -1 but for rounding: Fisher's z is infinite.
_PERFECT = 1 - 1e-12
# Up to so many videos Kendall's tau takes a matrix of all pairs, which is quicker.
_FEW = 1000
# So many pairs, of all resamples in hand, are in memory at once.
_PAIRS = 500_000
# How many videos are held against each other one by one, and the base of the digits of ranks.
_BLOCK, _BASE = 64, 16


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
    untied = _untied(y_true, weight) * _untied(y_pred, weight)
    agreement = _agreement if len(y_true) <= _FEW else _agreement_of_many
    with np.errstate(invalid="ignore"):
        return agreement(y_true, y_pred, weight) / np.sqrt(untied)


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
    """Mean of ((pred - true) / (highest - lowest score))^2, times 100: the R-l2 of yu2021.

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
    return np.take(middles, run, axis=-1)


def mean_and_std(name: str, values: Sequence[float | None]) -> dict[str, float | None]:
    """The mean, as `name`, and the sample standard deviation, as `name_std`.

    None where one of the values is undefined, or, of the deviation, where there is but one.
    """
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return {name: None, f"{name}_std": None}
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else None
    return {name: float(np.mean(known)), f"{name}_std": deviation}


def has_fisher_z(correlations: ArrayLike) -> NDArray[np.bool_]:
    """Where Fisher's z is a number: the correlation is defined, and not 1 or -1."""
    return np.abs(np.asarray(correlations, float)) < _PERFECT


def fisher_z(correlations: ArrayLike) -> Values:
    """The mean of correlations over the last axis by Fisher's z, tanh(mean(atanh)).

    NaN where one of them has no z (`has_fisher_z`). Source: parmar2019action §5.
    """
    known = np.where(has_fisher_z(correlations), correlations, np.nan)
    return np.tanh(np.arctanh(known).mean(axis=-1))


def share(hits: Values, of: Values | float) -> Values:
    """`hits` of `of`, or a mean from a sum; NaN of none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(hits, float) / of


def bleu(sums: Values, order: int) -> Values:
    """BLEU of runs of up to `order` words, without smoothing, 0 to 1 (papineni2002).

    sums: (..., 10), over the texts of a sample: how many runs of one to four words are right, how
    many there are, how many words were written, and how many the true texts have.
    """
    right, written = sums[..., :order], sums[..., 4 : 4 + order]
    said, true = sums[..., 8], sums[..., 9]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = np.exp(np.log(right / written).mean(axis=-1))
        brevity = np.exp(np.minimum(1 - true / said, 0))
    return np.where((said > 0) & (right > 0).all(axis=-1), precision * brevity, 0.0)


def ranking_accuracy(pairs: Values, ranks: Values, weight: Values | None = None) -> Values:
    """The share of pairs whose better video has the higher rank value; equal ones are wrong.

    pairs: (pairs, 2) numbers of the better and the worse video. ranks: (videos,), or (samples,
    videos). weight: (resamples, videos), how often each is drawn: a pair counts as often as the one
    video times as often as the other, since pairs that share a video are not independent. NaN where
    no pair counts.
    """
    better, worse = np.asarray(pairs, np.intp).reshape(-1, 2).T
    if weight is None:
        steps = _in_steps(np.atleast_2d(ranks), len(better))
        shares = [(step[:, better] > step[:, worse]).mean(axis=1) for step in steps]
        return np.concatenate(shares).reshape(ranks.shape[:-1])
    right = ranks[better] > ranks[worse]
    shares = []
    for step in _in_steps(weight, len(better)):
        counts = step[:, better] * step[:, worse]
        with np.errstate(invalid="ignore"):
            shares.append(counts @ right / counts.sum(axis=1))
    return np.concatenate(shares)


def _in_steps(rows: Values, width: int) -> list[Values]:
    """The rows of an array in steps of which each makes `_PAIRS` cells of this width at most."""
    return np.array_split(rows, -(-len(rows) * width // _PAIRS) or 1)


def pair_accuracy(similar: NDArray[np.bool_], probability: Values, weight: Values) -> Values:
    """The share of pairs that are told rightly; similar is a probability of 0.5 and above.

    similar, probability: (n,) of pairs. weight: (..., n), how often each counts. Gives (...,).
    """
    right = (probability >= 0.5) == similar
    return share(weight @ right.astype(float), weight.sum(axis=-1))


def balanced_accuracy(similar: NDArray[np.bool_], probability: Values, weight: Values) -> Values:
    """The mean of the accuracies on similar and on dissimilar pairs; see `pair_accuracy`."""
    right = (probability >= 0.5) == similar
    kinds = [
        share(weight @ (right & kind).astype(float), weight @ kind.astype(float))
        for kind in (similar, ~similar)
    ]
    return (kinds[0] + kinds[1]) / 2


def roc_auc(similar: NDArray[np.bool_], probability: Values, weight: Values) -> Values:
    """The chance that a similar pair has the higher probability; ties count half.

    As scikit-learn's, for many weightings at once; see `pair_accuracy`.
    """
    order = np.argsort(probability, kind="stable")
    ordered, positive, weight = probability[order], similar[order].astype(float), weight[..., order]
    runs = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    both, above = weight, weight * positive
    if len(runs) < len(ordered):
        both, above = (np.add.reduceat(counts, runs, axis=-1) for counts in (both, above))
    below = both - above
    wins = _sum(above, np.cumsum(below, axis=-1) - below / 2)
    return share(wins, above.sum(axis=-1) * below.sum(axis=-1))


def class_accuracy(y_true: Values, margin: Values, weight: Values | None = None) -> Values:
    """The share of videos whose class is told rightly.

    y_true: (n,), 1 for good videos and 0 for bad ones. margin: (n,), 0 or more where a video is
    called good. These and the next are scikit-learn's, for many weightings at once.
    """
    return pair_accuracy(*_classes(y_true, margin), _weight(y_true, weight))


def class_balanced_accuracy(y_true: Values, margin: Values, weight: Values | None = None) -> Values:
    """The mean of the accuracies on good and on bad videos; see `class_accuracy`."""
    return balanced_accuracy(*_classes(y_true, margin), _weight(y_true, weight))


def class_f1(y_true: Values, margin: Values, weight: Values | None = None) -> Values:
    """F1 of the good class; NaN where no video is good or called so; see `class_accuracy`."""
    good, said = _classes(y_true, margin)
    weight = _weight(y_true, weight)
    hits, called, true = (weight @ (one > 0.5).astype(float) for one in (good * said, said, good))
    return f1(hits, called, true)


def class_roc_auc(y_true: Values, margin: Values, weight: Values | None = None) -> Values:
    """The chance that a good video has the higher margin; see `roc_auc`, `class_accuracy`."""
    return roc_auc(y_true > 0.5, margin, _weight(y_true, weight))


def precision(hits: Values, said: Values, true: Values) -> Values:
    """The share of what is said that is true: `hits` of `said`."""
    return share(hits, said)


def recall(hits: Values, said: Values, true: Values) -> Values:
    """The share of what is true that is said: `hits` of `true`."""
    return share(hits, true)


def f1(hits: Values, said: Values, true: Values) -> Values:
    """The harmonic mean of precision and recall."""
    return share(2 * hits, said + true)


def _classes(y_true: Values, margin: Values) -> tuple[NDArray[np.bool_], Values]:
    """Whether videos are good, and 1 where they are called so."""
    return y_true > 0.5, (margin >= 0).astype(float)


def _weight(y_true: Values, weight: Values | None) -> Values:
    return np.ones(len(y_true)) if weight is None else weight


def _runs(y: Values, weight: Values) -> tuple[Values, NDArray[np.intp]]:
    """The weight of each run of equal values in rising order, and the run of each value."""
    order = np.argsort(y, kind="stable")
    starts = np.flatnonzero(np.diff(y[order], prepend=np.nan) != 0)
    run = np.empty(len(y), np.intp)
    run[order] = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(y)))
    ordered = np.take(weight, order, axis=-1)  # far quicker than weight[..., order]
    if len(starts) == len(y):
        return ordered, run
    return np.add.reduceat(ordered, starts, axis=-1), run


def _agreement(a: Values, b: Values, weight: Values) -> Values:
    """How many ordered pairs have the same order in a and b, less those with opposite orders."""
    order_a, order_b = (np.sign(y[:, None] - y) for y in (a, b))
    return _sum(weight @ (order_a * order_b), weight)


def _agreement_of_many(a: Values, b: Values, weight: Values) -> Values:
    """As `_agreement`, the same where weights are whole, without a matrix of all pairs.

    In the order of a, and of b where a is tied, only pairs of opposite orders are inversions.
    """
    order = np.lexsort([b, a])
    rank = np.empty(len(b), np.intp)  # in b; of tied videos the one that stands first is below
    rank[np.argsort(b[order], kind="stable")] = np.arange(len(b))
    _, run_a = np.unique(a, return_inverse=True)
    _, run_b = np.unique(b, return_inverse=True)
    untied_in_either = _untied((run_a * len(b) + run_b).astype(float), weight)
    untied_in_both = _untied(a, weight) + _untied(b, weight) - untied_in_either
    ordered = np.take(np.atleast_2d(weight), order, axis=-1)
    inversions = _inversions(rank, np.ascontiguousarray(ordered.T))
    return untied_in_both - 4 * inversions.reshape(weight.shape[:-1])


def _inversions(rank: NDArray[np.intp], weight: Values) -> Values:
    """The weight of pairs of which the first has the higher rank, in each resample, (resamples,).

    rank: (n,) a permutation, in the order of the pairs. weight: (n, resamples). Merge sort's
    count, by digits of the rank from the last on: at each digit, those that agree in the digits
    before it are looked at in blocks; pairs within a block one by one, pairs of two blocks by the
    weight of each digit in the blocks before.
    """
    n, total = len(rank), np.zeros(weight.shape[1])
    earlier = np.triu(np.ones((_BLOCK, _BLOCK), bool), 1)
    low, base = 1, _BLOCK
    while low < n:
        group = low * base  # how many ranks agree in the digits before
        size = min(group, n + -n % _BLOCK)
        order = np.argsort(rank // group, kind="stable")
        fill = -n % size
        digit = np.r_[rank[order] // low, np.full(fill, n // low)].reshape(-1, _BLOCK)
        own = np.concatenate([np.take(weight, order, axis=0), np.zeros((fill, weight.shape[1]))])
        own = own.reshape(-1, _BLOCK, weight.shape[1])  # (blocks, videos, resamples)
        inverted = (digit[:, :, None] > digit[:, None, :]) & earlier
        total += np.einsum("bvr,bvr->r", own, inverted.astype(float) @ own)
        if size > _BLOCK:
            having = (digit % base)[:, None, :] == np.arange(base)[:, None]
            of_digit = (having.astype(float) @ own).reshape(-1, size // _BLOCK, base, len(total))
            before = of_digit.cumsum(axis=1) - of_digit
            higher = before.sum(axis=2, keepdims=True) - before.cumsum(axis=2)
            total += np.einsum("gbdr,gbdr->r", of_digit, higher)
        low, base = group, _BASE
    return total


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

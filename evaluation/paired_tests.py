"""Tests of whether two heads differ: over videos by permutation, over splits by a corrected t test.

Permutations: if two heads were alike, whose answer is whose would not matter, so for each video a
coin decides, in all splits, whether the two answers change places. They do as what the metric sees
of them: ranks within the split for Spearman, standardised values for Pearson, points otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.stats

from aqa.evaluation.metric import metric_of
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import in_steps
from aqa.metrics import Values, ranks


def permutation_p(observed: float, permuted: Values) -> float:
    """Two-sided p: (1 + as far from 0 or farther) / (1 + permutations), which is never 0.

    permuted: (permutations,) differences. Source: phipson2010.
    """
    # A permutation that only renames the two must not fall below by rounding.
    extreme = np.abs(permuted) >= abs(observed) * (1 - 1e-9)
    return float((1 + extreme.sum()) / (1 + len(permuted)))


def coins(n: int, permutations: int, seed: int) -> Iterator[Values]:
    """Which of n videos change places in each permutation, 0 or 1, (some permutations, n) a time.

    The throws do not depend on how many are given at a time.
    """
    rng = np.random.default_rng([seed, 1])
    for rows in in_steps(permutations, n):
        yield (rng.random((rows, n)) < 0.5).astype(float)


def swapped_difference(
    one: Predictions, other: Predictions, metric: str
) -> Callable[[Values], Values]:
    """The difference of two heads after their answers changed places where a coin is 1.

    Takes coins (permutations, n), gives differences (permutations,).
    """
    if one.kind == "classes":
        return swapped_classes(one, other, metric)
    if one.kind == "ranking":
        return swapped_ranks(one, other, metric)
    true, a = _as_seen(one.score, one.predicted, metric)
    _, b = _as_seen(other.score, other.predicted, metric)
    return lambda swap: _mixed(true, a, b, metric, swap) - _mixed(true, b, a, metric, swap)


def swapped_classes(
    one: Predictions, other: Predictions, metric: str
) -> Callable[[Values], Values]:
    """As `swapped_difference`, of heads that tell two classes.

    Which class is said stays as it is; for ROC-AUC answers are ranks within the split. A sample in
    which some answers changed places is one of both heads' answers, of which each counts or not.
    """
    function = metric_of(metric, "classes").function
    ranked = metric == "roc_auc"
    a, b = (ranks(one.predicted) if ranked else one.predicted for one in (one, other))
    true, both, turned = np.tile(one.score, 2), np.r_[a, b], np.r_[b, a]

    def difference(swap: Values) -> Values:
        weight = np.hstack([1 - swap, swap])
        return function(true, both, weight) - function(true, turned, weight)

    return difference


def swapped_ranks(one: Predictions, other: Predictions, metric: str) -> Callable[[Values], Values]:
    """As `swapped_difference`, of heads that put videos in order: their ranks change places."""
    function = metric_of(metric, "ranking").function
    a, b = ranks(one.predicted), ranks(other.predicted)

    def difference(swap: Values) -> Values:
        return function(one.score, np.where(swap > 0, b, a)) - function(
            one.score, np.where(swap > 0, a, b)
        )

    return difference


def mcnemar_p(one: Predictions, other: Predictions) -> float:
    """Two-sided exact p that two heads are as often right about the class of the same videos.

    Only videos that one of the two tells rightly say anything. Source: mcnemar1947.
    """
    a, b = ((each.predicted >= 0) == (each.score > 0.5) for each in (one, other))
    ahead, behind = int((a & ~b).sum()), int((b & ~a).sum())
    if not ahead + behind:
        return 1.0
    return float(scipy.stats.binomtest(ahead, ahead + behind).pvalue)


def _as_seen(true: Values, pred: Values, metric: str) -> tuple[Values, Values]:
    """Scores and predictions as what the metric sees of them."""
    if metric_of(metric).lower_better:
        return true, pred
    true, pred = (ranks(true), ranks(pred)) if metric == "spearman" else (true, pred)
    return true - true.mean(), (pred - pred.mean()) / pred.std()


def _mixed(true: Values, first: Values, other: Values, metric: str, swap: Values) -> Values:
    """The metric of predictions that are `other` where `swap` is 1, and `first` elsewhere."""

    def mean(term: Callable[[Values], Values]) -> Values:
        of_first, of_other = term(first), term(other)
        return (of_first.sum() + swap @ (of_other - of_first)) / len(true)

    if metric == "mse":
        return mean(lambda pred: np.square(pred - true))
    if metric == "med":
        return mean(lambda pred: np.abs(pred - true))
    variance = mean(np.square) - mean(np.asarray) ** 2
    return mean(lambda pred: pred * true) / (np.sqrt(variance) * true.std())


def corrected_t_p(differences: Sequence[float], test_to_train: float) -> float | None:
    """Two-sided p over splits of the corrected resampled t test; None for one split.

    Training sets of splits overlap, so the variance of the mean difference is taken as (1/splits
    + test_to_train) times that of the differences. test_to_train: test videos per training video.
    Source: nadeau2003.
    """
    n = len(differences)
    if n < 2:
        return None
    mean, variance = np.mean(differences), np.var(differences, ddof=1)
    if variance == 0:
        return float(mean == 0)
    t = mean / np.sqrt((1 / n + test_to_train) * variance)
    return float(2 * scipy.stats.t.sf(abs(t), n - 1))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979) of the p of several tests, at most 1."""
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()

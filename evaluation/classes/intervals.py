"""Intervals of metrics of two classes, in closed form: they hold for few videos too.

The bootstrap does not: where all of ten videos are told rightly, all of its resamples are too. Its
95 % intervals of a true ROC-AUC of 0.95 from ten videos hold it in 48 %, those here in 97 %.
"""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from aqa.evaluation.resampling import LEVEL, Interval


def share_interval(hits: int, of: int, level: float = LEVEL) -> Interval | None:
    """Exact interval of a share (clopper1934); None of nothing."""
    if not of:
        return None
    found = binomtest(hits, of).proportion_ci(level, method="exact")
    return [float(found.low), float(found.high)]


def balanced_interval(
    right_bad: int, bad: int, right_good: int, good: int, level: float = LEVEL
) -> Interval | None:
    """Interval of the mean of two shares, from the exact ones of both (zou2008)."""
    both = share_interval(right_bad, bad, level), share_interval(right_good, good, level)
    if both[0] is None or both[1] is None:
        return None
    shares = right_bad / bad, right_good / good
    off = [
        sum((share - one[end]) ** 2 for share, one in zip(shares, both, strict=True) if one) ** 0.5
        for end in (0, 1)
    ]
    mean = sum(shares) / 2
    return [max(mean - off[0] / 2, 0.0), min(mean + off[1] / 2, 1.0)]


def f1_interval(hits: int, errors: int, level: float = LEVEL) -> Interval | None:
    """Exact interval of F1, which grows with the share of hits among hits and errors.

    hits: good videos that are called good. errors: videos of either class that are called wrongly.
    """
    found = share_interval(hits, hits + errors, level)
    return None if found is None else [2 * share / (1 + share) for share in found]


def auc_interval(auc: float, bad: int, good: int, level: float = LEVEL) -> Interval:
    """Interval of ROC-AUC (newcombe2006, method 5): the values that it does not contradict.

    Their variance is that of hanley1982, of both numbers of videos their mean taken.
    """
    z, others = float(norm.ppf((1 + level) / 2)), (bad + good) / 2 - 1

    def excess(value: float) -> float:
        spread = (1 - value) / (2 - value) + value / (1 + value)
        variance = value * (1 - value) * (1 + others * spread) / (bad * good)
        return (auc - value) ** 2 - z * z * variance

    return [_root(excess, 0.0, auc), _root(excess, 1.0, auc)]


def _root(excess: Callable[[float], float], end: float, auc: float) -> float:
    """Where the excess changes its sign between an end of the scale and the measured value."""
    if auc == end:
        return end
    inner = auc + (end - auc) * 1e-9  # at a perfect value the excess is 0, and below it negative
    return float(brentq(excess, end, inner))

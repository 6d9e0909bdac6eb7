"""How well two classes are told: scikit-learn's metrics, intervals that hold for few videos."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from aqa.evaluation.classes.intervals import (
    auc_interval,
    balanced_interval,
    f1_interval,
    share_interval,
)
from aqa.evaluation.resampling import LEVEL, Interval, MetricValues
from aqa.metrics import Values

# The value of guessing, of the metrics that have one of their own.
_GUESSED = {"balanced_accuracy": 0.5, "roc_auc": 0.5}


def measure_classes(
    good: NDArray[np.bool_], margin: Values, *, intervals: bool = True, level: float = LEVEL
) -> MetricValues:
    """Accuracy, balanced accuracy, F1 of the good class, and ROC-AUC.

    good: (n,), whether videos are. margin: (n,), 0 or more where they are called good. What takes
    both classes is None where there is but one, and F1 where no video is good or called so.

    counts: `good` and `bad` videos; `chance`, the accuracy of calling all videos what most of them
    are; `contains_chance`, the metrics whose interval holds what guessing gives.
    """
    good, said = np.asarray(good, bool), np.asarray(margin, float) >= 0
    n_good, n = int(good.sum()), len(good)
    counts: dict[str, Any] = {
        "good": n_good,
        "bad": n - n_good,
        "chance": max(n_good, n - n_good) / max(n, 1),
    }
    values = _values(good, said, np.asarray(margin, float))
    found: dict[str, Interval | None] = dict.fromkeys(values)
    if intervals:
        found = _intervals(good, said, values["roc_auc"], level)
        guesses = {"accuracy": counts["chance"], **_GUESSED}
        counts["contains_chance"] = [
            name
            for name, guessed in guesses.items()
            if (one := found[name]) is not None and one[0] <= guessed <= one[1]
        ]
    return MetricValues(n, values, found, counts)


def _values(
    good: NDArray[np.bool_], said: NDArray[np.bool_], margin: Values
) -> dict[str, float | None]:
    both = good.any() and not good.all()
    known = (good | said).any()
    return {
        "accuracy": float(accuracy_score(good, said)) if len(good) else None,
        "balanced_accuracy": float(balanced_accuracy_score(good, said)) if both else None,
        "f1": float(f1_score(good, said)) if known else None,
        "roc_auc": float(roc_auc_score(good, margin)) if both else None,
    }


def _intervals(
    good: NDArray[np.bool_], said: NDArray[np.bool_], auc: float | None, level: float
) -> dict[str, Interval | None]:
    right = good == said
    n_good, n_bad = int(good.sum()), int((~good).sum())
    hits, avoided = int((right & good).sum()), int((right & ~good).sum())
    return {
        "accuracy": share_interval(int(right.sum()), len(good), level),
        "balanced_accuracy": balanced_interval(avoided, n_bad, hits, n_good, level),
        "f1": f1_interval(hits, int((~right).sum()), level),
        "roc_auc": None if auc is None else auc_interval(auc, n_bad, n_good, level),
    }

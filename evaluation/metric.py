"""One record per metric: everything that commands and tables must know of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aqa import metrics
from aqa.annotations.columns import ATTRIBUTES
from aqa.metrics import Values

# Nobody reads more digits behind the point.
_MOST_DIGITS = 9


def point_digits(values: Iterable[float | None], usual: int) -> int:
    """How many digits behind the point show values in points: more where all are below one."""
    largest = max((abs(value) for value in values if value is not None), default=1.0)
    if not 0 < largest < 1:
        return usual
    return max(usual, min(2 - math.floor(math.log10(largest)), _MOST_DIGITS))


@dataclass(frozen=True)
class Metric:
    """A metric of one kind of answers.

    kind: of what it is a metric; see `KINDS`. function: of scores and parts, (y_true, y_pred,
    weight); of classes, (y_true, margin, weight); of pairs, (similar, probability, weight); of
    rankings, (pairs, ranks, weight); of feedback, (hits, said, true); of BLEU, (sums); of the
    others, (sum, count). title, digits: how tables show it. lower_better: whether it is an error.
    shown: whether tables have it; files have all. compared: whether `aqa compare` takes it.
    correlation: whether Fisher's z averages it. in_points: whether it is in the scores' points (or
    their squares), so that tables of scores from 0 to 1 need more digits.
    """

    name: str
    kind: str
    function: Callable[..., Values]
    title: str = ""
    digits: int = 3
    lower_better: bool = False
    shown: bool = True
    compared: bool = False
    correlation: bool = False
    in_points: bool = False

    def digits_for(self, values: Iterable[float | None]) -> int:
        """How many digits behind the point show the values of a column."""
        return point_digits(values, self.digits) if self.in_points else self.digits


def _of_scores(kind: str, digits: tuple[int, int]) -> tuple[Metric, ...]:
    return (
        Metric("spearman", kind, metrics.spearman, "Spearman", compared=True, correlation=True),
        Metric(
            "pearson",
            kind,
            metrics.pearson,
            "Pearson",
            shown=False,
            compared=True,
            correlation=True,
        ),
        Metric("kendall", kind, metrics.kendall, "Kendall", shown=False),
        Metric(
            *("mse", kind, metrics.mse, "MSE", digits[0]),
            lower_better=True,
            compared=True,
            in_points=True,
        ),
        Metric(
            *("med", kind, metrics.med, "MED", digits[1]),
            lower_better=True,
            compared=True,
            in_points=True,
        ),
        Metric("relative_l2", kind, metrics.relative_l2, "R-l2 x100", 2, lower_better=True),
    )


METRICS: tuple[Metric, ...] = (
    *_of_scores("scores", (1, 2)),
    Metric("accuracy", "classes", metrics.class_accuracy, compared=True),
    Metric(
        *("balanced_accuracy", "classes", metrics.class_balanced_accuracy, "balanced"),
        compared=True,
    ),
    Metric("f1", "classes", metrics.class_f1, "F1", compared=True),
    Metric("roc_auc", "classes", metrics.class_roc_auc, "ROC-AUC", compared=True),
    Metric("accuracy", "pairs", metrics.pair_accuracy),
    Metric("balanced_accuracy", "pairs", metrics.balanced_accuracy, "balanced"),
    Metric("roc_auc", "pairs", metrics.roc_auc, "ROC-AUC"),
    Metric("accuracy", "ranking", metrics.ranking_accuracy, compared=True),
    Metric("precision", "feedback", metrics.precision),
    Metric("recall", "feedback", metrics.recall),
    Metric("f1", "feedback", metrics.f1, "F1"),
    Metric("accuracy", "stages", metrics.share),
    Metric("start_error", "stages", metrics.share, "frames off", 1, lower_better=True),
    # Parts of a score have few points: difficulties go from 1.9 to 3.8.
    *_of_scores("parts", (3, 4)),
    Metric("coverage_50", "coverage", metrics.share, "in 50 %"),
    Metric("coverage_80", "coverage", metrics.share, "in 80 %"),
    Metric("coverage_95", "coverage", metrics.share, "in 95 %"),
    Metric(
        *("width_80", "coverage", metrics.share, "width of 80 %", 1),
        lower_better=True,
        in_points=True,
    ),
    *(Metric(name, "attributes", metrics.share) for name in ATTRIBUTES),
    *(
        Metric(f"bleu_{order}", "commentary", partial(metrics.bleu, order=order), f"BLEU-{order}")
        for order in (1, 2, 3, 4)
    ),
    Metric("cider", "commentary", metrics.share, "CIDEr"),
    # Known only where WordNet is there.
    Metric("meteor", "commentary", metrics.share, "METEOR", shown=False),
)
# The kinds of answers: final scores; classes, good or bad; pairs of videos; who of two is better;
# clips called faulty; stages of frames; parts of scores; predicted intervals of scores; attributes;
# written commentary.
KINDS = tuple(dict.fromkeys(metric.kind for metric in METRICS))


def metrics_of(kind: str) -> tuple[Metric, ...]:
    """The metrics of one kind of answers."""
    return tuple(metric for metric in METRICS if metric.kind == kind)


def metric_of(name: str, kind: str = "scores") -> Metric:
    """The metric of this name; `KeyError` where the kind has none such."""
    return {metric.name: metric for metric in metrics_of(kind)}[name]


def named(kind: str, values: Any) -> dict[str, Any]:
    """Values in the order of the kind's metrics, by name."""
    return dict(zip((metric.name for metric in metrics_of(kind)), values, strict=True))

"""Rows of predictions.csv of heads that tell two classes, and their metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aqa.evaluation.classes.metrics import measure_classes
from aqa.evaluation.resampling import MetricValues
from aqa.evaluation.score_rows import Row
from aqa.metrics import Values
from aqa.models.target_transforms.class_rule import ClassRule

# The column that rows of classes have and rows of scores have not.
MARGIN = "margin"


def with_classes(rows: Sequence[Mapping[str, Any]], rule: ClassRule) -> list[dict[str, Any]]:
    """Rows of scores and predictions, with the classes that they stand for.

    class, predicted_class: labels. margin: how far the prediction lies above the threshold.
    """
    margins = rule.margin(np.array([float(row["predicted"]) for row in rows])).tolist()
    return [
        {
            **row,
            "class": rule.classes.label(row["score"] > 0.5),
            "predicted_class": rule.label(margin),
            MARGIN: margin,
        }
        for row, margin in zip(rows, margins, strict=True)
    ]


def are_classes(rows: Sequence[Row]) -> bool:
    """Whether rows are of classes, and not of scores."""
    return bool(rows) and MARGIN in rows[0]


def true_and_margin(rows: Sequence[Row]) -> tuple[Values, Values]:
    """1 for each good video and 0 for the others, and the margins, (n,) each."""
    true, margin = (np.array([float(row[name]) for row in rows]) for name in ("score", MARGIN))
    return true, margin


def measure_class_rows(rows: Sequence[Row], *, intervals: bool = True) -> MetricValues:
    """The metrics of rows of classes; the count `called_good` is the label of the good ones."""
    true, margin = true_and_margin(rows)
    measured = measure_classes(true > 0.5, margin, intervals=intervals)
    label = next((str(row["class"]) for row in rows if float(row["score"]) > 0.5), None)
    named = {} if label is None else {"called_good": label}
    return replace(measured, counts={**measured.counts, **named})

"""Rows of predictions.csv of heads that score, and every metric of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.evaluation.resampling import RESAMPLES, MetricValues
from aqa.evaluation.score_metrics import measure_scores
from aqa.metrics import Values

# A row of predictions.csv: video_id, part, score, predicted.
Row = Mapping[str, Any]


def part_rows(
    part: str, ids: Sequence[str], scores: Sequence[float], predicted: Sequence[float]
) -> list[dict[str, Any]]:
    """The rows of predictions.csv of one part of a split."""
    return [
        {"video_id": i, "part": part, "score": s, "predicted": p}
        for i, s, p in zip(ids, scores, predicted, strict=True)
    ]


def measure_rows(
    rows: Sequence[Row], manifest: Manifest, resamples: int = RESAMPLES
) -> MetricValues:
    """Every metric with its interval; R-l2 by the range of each action's scores (see `spans`)."""
    return measure_scores(
        *true_and_predicted(rows), span=spans(rows, manifest), resamples=resamples
    )


def true_and_predicted(rows: Sequence[Row]) -> tuple[Values, Values]:
    """The scores and the predictions of rows, (n,) each."""
    true, pred = (np.array([float(row[name]) for row in rows]) for name in ("score", "predicted"))
    return true, pred


def spans(rows: Sequence[Row], manifest: Manifest) -> list[float]:
    """Highest less lowest score of each video's action, over every video of the manifest.

    R-l2 is defined by "the highest and lowest scores of an action" (yu2021); their code takes
    them of the test videos alone, which would make the unit differ from split to split.
    """
    scores: dict[str | None, list[float]] = {}
    for video in manifest:
        if not math.isnan(video.score):
            scores.setdefault(video.action, []).append(video.score)
    ranges = {action: float(np.ptp(values)) for action, values in scores.items()}
    return [ranges[manifest.by_id[row["video_id"]].action] for row in rows]

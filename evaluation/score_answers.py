"""Heads that score: predicted scores, and what they say beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.beside_scores import QUANTILES, measure_attributes, measure_coverage
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart
from aqa.evaluation.resampling import MetricValues
from aqa.evaluation.score_metrics import measure_scores
from aqa.evaluation.score_rows import measure_rows, part_rows
from aqa.models.examples import Features, inputs_of, videos_columns
from aqa.models.heads.base import GivesAttributes, GivesParts, GivesQuantiles, Head
from aqa.models.runs import Run
from aqa.models.wrapped import gives


def evaluate_scores(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Predict the videos of these parts."""
    head = run.scoring_head()
    return {
        part: _evaluate_part(head, part, split.part(part), manifest, features)
        for part in parts
        if split.part(part)
    }


def _evaluate_part(
    head: Head, part: str, ids: Sequence[str], manifest: Manifest, features: Features
) -> EvaluatedPart:
    x, scores, columns = inputs_of(ids, manifest, features, head.answer_columns)
    rows = part_rows(part, ids, scores.tolist(), head.predict(x, **columns).tolist())
    whole = measure_rows(rows, manifest)
    beside: dict[str, MetricValues] = {}
    if gives(head, GivesQuantiles) and isinstance(head, GivesQuantiles):
        bounds = head.quantiles(x, QUANTILES, **columns)
        beside["coverage"] = measure_coverage(scores, bounds)
        for row, values in zip(rows, bounds.tolist(), strict=True):
            row |= {f"quantile_{q:g}": v for q, v in zip(QUANTILES, values, strict=True)}
    if gives(head, GivesAttributes) and isinstance(head, GivesAttributes):
        said = head.attributes(x, **columns)
        if any(said):
            true = [manifest.by_id[i].attributes for i in ids]
            beside["attributes"] = measure_attributes(true, said)
        for row, labels in zip(rows, said, strict=True):
            row |= {f"predicted_{name}": label for name, label in labels.items()}
    pieces: dict[str, MetricValues] = {}
    if isinstance(head, GivesParts):
        pieces = _evaluate_pieces(head, rows, x, scores, manifest, columns)
    return EvaluatedPart(rows, whole, beside, pieces)


def _evaluate_pieces(
    head: GivesParts,
    rows: Sequence[dict[str, Any]],
    x: Sequence[Any],
    scores: np.ndarray,
    manifest: Manifest,
    columns: dict[str, Any],
) -> dict[str, MetricValues]:
    """The parts that the head makes a score of, of the videos where the true part is known."""
    videos = [manifest.by_id[row["video_id"]] for row in rows]
    true = head.true_parts(scores, **videos_columns(videos, ("difficulty", "execution")))
    measured = {}
    for name, values in head.parts(x, **columns).items():
        known = np.isfinite(true[name])
        measured[name] = measure_scores(true[name][known], values[known], kind="parts")
        for row, t, v in zip(rows, true[name].tolist(), values.tolist(), strict=True):
            row |= {name: t, f"predicted_{name}": v}
    return measured

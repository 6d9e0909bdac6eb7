"""Heads that score: predicted scores, and what they say beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.beside_scores import (
    measure_attributes,
    measure_coverage,
    quantile_column,
)
from aqa.evaluation.commentary_metrics import measure_commentary
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.resampling import MetricValues
from aqa.evaluation.score_metrics import measure_scores
from aqa.evaluation.score_rows import measure_rows, part_rows
from aqa.models.examples import Examples, Features, examples_of
from aqa.models.heads.base import GivesParts
from aqa.models.runs import Run
from aqa.models.trust.score_range import QUANTILES


def evaluate_scores(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Predict the videos of these parts."""
    head = run.scoring_head()
    return {
        part: _evaluate_part(run, head, part, split.part(part), manifest, features)
        for part in parts
        if split.part(part)
    }


def _evaluate_part(
    run: Run, head: Any, part: str, ids: Sequence[str], manifest: Manifest, features: Features
) -> EvaluatedPart:
    true_columns = ("difficulty", "execution") if "parts" in head.gives else ()
    columns = tuple(dict.fromkeys((*head.answer_columns, *true_columns)))
    examples = examples_of(ids, manifest, features, columns)
    scores = examples.scores
    rows = part_rows(part, ids, scores.tolist(), head.predict_examples(examples).tolist())
    resamples = resamples_of(part)
    whole = measure_rows(rows, manifest, resamples)
    beside: dict[str, MetricValues] = {}
    bounds = _bounds(run, part, examples, rows)
    if bounds is not None:
        beside["coverage"] = measure_coverage(scores, bounds, resamples=resamples)
        for row, values in zip(rows, bounds.tolist(), strict=True):
            row |= {quantile_column(q): v for q, v in zip(QUANTILES, values, strict=True)}
    if "attributes" in head.gives:
        said = head.attributes(examples)
        if any(said):
            true = [manifest.by_id[i].attributes for i in ids]
            beside["attributes"] = measure_attributes(true, said, resamples=resamples)
        for row, labels in zip(rows, said, strict=True):
            row |= {f"predicted_{name}": label for name, label in labels.items()}
    if "commentary" in head.gives:
        written = head.commentary(examples)
        known = [manifest.by_id[i].commentary for i in ids]
        if (measured := measure_commentary(known, written, resamples=resamples)) is not None:
            beside["commentary"] = measured
        for row, text, true_text in zip(rows, written, known, strict=True):
            row |= {"commentary": true_text or "", "predicted_commentary": text}
    pieces: dict[str, MetricValues] = {}
    if "parts" in head.gives:
        pieces = _evaluate_pieces(head, rows, examples, resamples)
    return EvaluatedPart(rows, whole, beside, pieces)


def _bounds(
    run: Run, part: str, examples: Examples, rows: Sequence[dict[str, Any]]
) -> NDArray[np.float64] | None:
    """Between which scores the true ones probably lie, (videos, quantiles) at `QUANTILES`.

    Those of test videos are of the run's range, as `aqa score` says it. Where the run has none, and
    of training and validation videos, from which the range is learned, they are what the head says
    itself.
    """
    head: Any = run.scoring_head()
    if part == "test" and run.score_range is not None:
        return run.score_range.of_videos(head, examples, [row["predicted"] for row in rows])
    if "quantiles" not in head.gives:
        return None
    quantiles: NDArray[np.float64] = head.quantiles(examples, QUANTILES)
    return quantiles


def _evaluate_pieces(
    head: GivesParts, rows: Sequence[dict[str, Any]], examples: Examples, resamples: int
) -> dict[str, MetricValues]:
    """The parts that the head makes a score of, of the videos where the true part is known."""
    true = head.true_parts(examples)
    measured = {}
    for name, values in head.parts(examples).items():
        known = np.isfinite(true[name])
        measured[name] = measure_scores(
            true[name][known], values[known], resamples=resamples, kind="parts"
        )
        for row, t, v in zip(rows, true[name].tolist(), values.tolist(), strict=True):
            row |= {name: t, f"predicted_{name}": v}
    return measured

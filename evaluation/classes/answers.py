"""Heads that tell two classes: which class each video is of."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.classes.rows import measure_class_rows, with_classes
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.score_rows import part_rows
from aqa.models.examples import Features, examples_of
from aqa.models.runs import Run


def evaluate_classes(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Predict the classes of the videos of these parts."""
    head, rule = run.scoring_head(), run.class_rule
    assert rule is not None
    evaluated = {}
    for part in parts:
        if ids := split.part(part):
            examples = examples_of(ids, manifest, features, head.answer_columns)
            answers = head.predict_examples(examples).tolist()
            rows = with_classes(part_rows(part, ids, examples.scores.tolist(), answers), rule)
            measured = measure_class_rows(rows, intervals=bool(resamples_of(part)))
            evaluated[part] = EvaluatedPart(rows, measured)
    return evaluated

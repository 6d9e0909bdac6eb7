"""Evaluate a fitted head by the kind of its answers: scores, classes, pairs, stages, ranking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.classes.answers import evaluate_classes
from aqa.evaluation.evaluated import Evaluated
from aqa.evaluation.pair_answers import evaluate_pairs
from aqa.evaluation.ranking import evaluate_ranking
from aqa.evaluation.score_answers import evaluate_scores
from aqa.evaluation.stage_answers import evaluate_stages
from aqa.models.examples import Features
from aqa.models.heads.base import HeadError
from aqa.models.run_source import RunError
from aqa.models.runs import Run

_EVALUATORS: dict[str, Callable[..., Evaluated]] = {
    "scores": evaluate_scores,
    "classes": evaluate_classes,
    "pairs": evaluate_pairs,
    "ranking": evaluate_ranking,
    "stages": evaluate_stages,
}


def evaluate_run(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Answers and metrics of a run on these parts of a split."""
    try:
        return _EVALUATORS[run.kind](run, split, manifest, features, parts)
    except HeadError as error:
        raise RunError(f"{run.folder} on {manifest.path}: {error}") from None

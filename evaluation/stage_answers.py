"""Heads that tell stages: on which frame each stage of a video starts."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.evaluated import Evaluated, EvaluatedPart, resamples_of
from aqa.evaluation.stage_metrics import measure_stages
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import StageHead
from aqa.models.runs import Run
from aqa.models.stages import hand_starts


def evaluate_stages(
    run: Run, split: Split, manifest: Manifest, features: Features, parts: Sequence[str]
) -> Evaluated:
    """Label the frames of the videos of these parts, and compare with their hand labels."""
    head = run.head
    assert isinstance(head, StageHead)
    return {
        part: _evaluate_part(head, part, split.part(part), manifest, features)
        for part in parts
        if split.part(part)
    }


def _evaluate_part(
    head: StageHead, part: str, ids: Sequence[str], manifest: Manifest, features: Features
) -> EvaluatedPart:
    examples = examples_of(ids, manifest, features, ("clips", "stages"))
    columns = examples.columns
    n_frames = [features.store.n_frames(i) for i in ids]
    true = hand_starts(columns["stages"], head.stages, ids)
    predicted = head.starts(examples.features, clips=columns["clips"], n_frames=n_frames)
    measured = measure_stages(head.stages, true, predicted, n_frames, resamples=resamples_of(part))
    rows = [
        {"video_id": i, "part": part, "stage": name, "start": int(t), "predicted": int(p)}
        for i, *starts in zip(ids, true, predicted, strict=True)
        for name, t, p in zip(head.stages, *starts, strict=True)
    ]
    return EvaluatedPart(rows, measured.pop("all"), pieces=measured, pieces_are="stages")

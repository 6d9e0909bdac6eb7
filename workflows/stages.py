"""The stages of videos from probabilities of every frame that were computed elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.columns import STAGE_PREFIX
from aqa.annotations.late_stages import refuse_late_stages
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaWarning, listed
from aqa.evaluation.result import Result
from aqa.evaluation.stage_metrics import measure_stages
from aqa.models.heads.base import HeadError
from aqa.models.stages import BEFORE, hand_starts, stage_names, stage_starts


class FoundStages(NamedTuple):
    """The first frame of every stage.

    rows: one per video, with the columns video_id and stage_<name> of a manifest. results: how
    they compare with hand labels, as `evaluate_runs` gives it; empty where there are none.
    """

    rows: list[dict[str, Any]]
    results: list[Result]


def find_stages(
    path: Path,
    probabilities: Mapping[str, NDArray[np.floating]],
    names: Sequence[str],
    manifest: Manifest | None,
) -> FoundStages:
    """Find the stages of videos, and compare them with a manifest's hand labels.

    path: where the probabilities come from, for messages. probabilities: id -> (n_frames,
    n_stages); row k is frame k, column 0 the time before the first of `names`. names: of the
    stages; empty takes the manifest's. manifest: None evaluates nothing. Videos without hand
    labels are not evaluated, with a warning; `HeadError` where no video has them.
    """
    if manifest is not None:
        unknown = [i for i in probabilities if i not in manifest.by_id]
        if unknown:
            raise HeadError(
                f"{path}: {len(unknown)} of its videos are not in {manifest.path}: "
                f"{listed(unknown)}; give them the ids of the manifest"
            )
        names = names or stage_names([video.stages for video in manifest])[1:]
    if not names:
        raise HeadError(
            f"{path}: name its stages, without the time before the first, as in "
            "--stages takeoff,flight,entry"
        )
    all_names = (BEFORE, *names)
    starts = []
    for video_id, array in probabilities.items():
        if array.ndim != 2 or array.shape[1] != len(all_names) or not np.isfinite(array).all():
            raise HeadError(
                f"{path}: {video_id} has probabilities of shape {array.shape}, expected finite "
                f"(frames, {len(all_names)}): {', '.join(all_names)}"
            )
        starts.append(stage_starts(array))
    columns = [f"{STAGE_PREFIX}{name}" for name in names]
    rows = [
        {"video_id": i, **dict(zip(columns, frames[1:].tolist(), strict=True))}
        for i, frames in zip(probabilities, starts, strict=True)
    ]
    if manifest is None:
        return FoundStages(rows, [])
    labels = {i: manifest.by_id[i].stages for i in probabilities}
    labelled = [i for i in labels if set(names) <= set(labels[i])] or list(labels)
    if unlabelled := [i for i in labels if i not in labelled]:
        warnings.warn(
            f"{manifest.path}: {len(unlabelled)} of {len(labels)} videos have no hand labels, and "
            f"are not evaluated: {', '.join(unlabelled[:5])}",
            AqaWarning,
            stacklevel=2,
        )
    refuse_late_stages(manifest, labelled, lambda i: len(probabilities[i]))
    true = hand_starts([labels[i] for i in labelled], all_names, labelled)
    by_id = dict(zip(probabilities, starts, strict=True))
    n_frames = [len(probabilities[i]) for i in labelled]
    metrics = measure_stages(all_names, true, [by_id[i] for i in labelled], n_frames)
    results = [
        Result.of(measured, "stages", path.name, "", part=stage)
        for stage, measured in metrics.items()
    ]
    return FoundStages(rows, results)

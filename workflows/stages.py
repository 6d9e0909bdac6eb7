"""Stages from frame-wise posteriors that were computed elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.columns import STAGE_PREFIX
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaWarning, listed
from aqa.evaluation.metrics import report_stages, stage_results
from aqa.models.heads.base import HeadError
from aqa.models.stages import BEFORE, hand_starts, stage_names, stage_starts


class Segmented(NamedTuple):
    """The first frames of stages, a row a video, as the manifest's columns stage_<name> hold them.

    results: against hand labels, as `evaluate_runs` gives them; empty where there are none.
    """

    rows: list[dict[str, Any]]
    results: list[dict[str, Any]]


def segment(
    path: Path,
    posteriors: Mapping[str, NDArray[np.floating]],
    names: Sequence[str],
    manifest: Manifest | None,
) -> Segmented:
    """Turn posteriors into stages, and judge them by a manifest's hand labels.

    posteriors: id -> (n_frames, n_stages), of `path`; row k is frame k, column 0 the time before
    the first of `names`. names: empty takes the manifest's. Videos without hand labels are not
    evaluated, with a warning; `HeadError` where no video has them.
    """
    if manifest is not None:
        unknown = [i for i in posteriors if i not in manifest.by_id]
        if unknown:
            raise HeadError(
                f"{path}: {len(unknown)} of its videos are not in {manifest.path}: "
                f"{listed(unknown)}; its ids are to be those of the manifest"
            )
        names = names or stage_names([video.stages for video in manifest])[1:]
    if not names:
        raise HeadError(
            f"{path}: name its stages, but for the time before the first, as in "
            "--stages takeoff,flight,entry"
        )
    all_names = (BEFORE, *names)
    starts = []
    for video_id, array in posteriors.items():
        if array.ndim != 2 or array.shape[1] != len(all_names) or not np.isfinite(array).all():
            raise HeadError(
                f"{path}: {video_id} has posteriors of shape {array.shape}, expected finite "
                f"(frames, {len(all_names)}): {', '.join(all_names)}"
            )
        starts.append(stage_starts(array))
    columns = [f"{STAGE_PREFIX}{name}" for name in names]
    rows = [
        {"video_id": i, **dict(zip(columns, own[1:].tolist(), strict=True))}
        for i, own in zip(posteriors, starts, strict=True)
    ]
    if manifest is None:
        return Segmented(rows, [])
    labels = {i: manifest.by_id[i].stages for i in posteriors}
    labelled = [i for i in labels if set(names) <= set(labels[i])] or list(labels)
    if unlabelled := [i for i in labels if i not in labelled]:
        warnings.warn(
            f"{manifest.path}: {len(unlabelled)} of {len(labels)} videos have no hand labels, and "
            f"are not evaluated: {', '.join(unlabelled[:5])}",
            AqaWarning,
            stacklevel=2,
        )
    true = hand_starts([labels[i] for i in labelled], all_names, labelled)
    by_id = dict(zip(posteriors, starts, strict=True))
    n_frames = [len(posteriors[i]) for i in labelled]
    found = report_stages(all_names, true, [by_id[i] for i in labelled], n_frames)
    named = {"kind": "stages", "head": path.name, "split": ""}
    return Segmented(rows, [{**named, **result} for result in stage_results(found)])

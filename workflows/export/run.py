"""Exports a run into one file, and holds the file against PyTorch before it is put in place."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, EndingError
from aqa.features.store import FeatureStore
from aqa.files import replacing
from aqa.models.runs import Run
from aqa.workflows.export.files import Answer, open_onnx, open_pt2, write_onnx, write_pt2
from aqa.workflows.export.graph import ExportedRun

ENDINGS = (".onnx", ".pt2")
# What the ONNX exporter and its check import.
_NEEDED = ("onnx", "onnxscript", "onnxruntime")
# The largest drift that is rounding: of a score of 1 point or more, as a share of it.
_ROUNDING = {"float32": 1e-3}
_ROUNDING_ELSE = 5e-2
_CLIPS = 6


@dataclass(frozen=True)
class ExportedFile:
    """What was written.

    clips: how many clips a video must have; None for any number. tried: numbers of clips of the
    videos that it was tried on. drift: the largest difference of its scores from those of `aqa
    score`, in `unit`. engine, precision: what these compute features with, such as PyTorch, and in
    which precision; the file computes in float32. facts: what it tells.
    """

    path: Path
    clips: int | None
    tried: tuple[int, ...]
    drift: float
    unit: str
    engine: str
    precision: str
    facts: Mapping[str, Any]


def check_ending(path: Path) -> None:
    """Raise for a file that is neither `.onnx` nor `.pt2`, or whose writer is not installed."""
    if path.suffix.lower() not in ENDINGS:
        raise EndingError(
            f"{path}: a model is exported as ONNX or as PyTorch's own format; name a file that "
            "ends in .onnx or .pt2"
        )
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if path.suffix.lower() == ".onnx" and missing:
        raise AqaError(
            f"{', '.join(missing)}: not installed; ONNX needs the extra: "
            'pip install "aqa-toolkit[export]"'
        )


def export_run(
    run: Run,
    path: Path,
    *,
    weights: Path | None = None,
    backbone: str | None = None,
    clips: int | None = None,
) -> ExportedFile:
    """Write a run's normalisation, backbone and head into one file.

    weights, backbone: see `aqa.extract.rebuild.rebuild_backbone`. clips: of the video that the
    network is traced with; None: as many as the training videos mostly have. The file is run on
    made videos of this and of other numbers of clips; where it says something else than PyTorch,
    it is not kept, and this raises `AqaError`.
    """
    check_ending(path)
    exported = ExportedRun(run, weights, backbone)
    count = clips or usual_clips(exported)
    facts = exported.facts()
    with replacing(path, suffix=path.suffix.lower()) as temporary:
        traced = exported.clips(count)
        any_number = True
        if path.suffix.lower() == ".onnx":
            write_onnx(exported.graph, traced, temporary, facts)
            answer = open_onnx(temporary)
        else:
            any_number = write_pt2(exported.graph, traced, temporary, facts)
            answer = open_pt2(temporary)
        tried = tuple(sorted({count, 1, 2, count + 3} if any_number else {count}))
        drift = _drift(exported, answer, tried)
    return ExportedFile(
        path,
        None if any_number else count,
        tried,
        drift,
        exported.unit,
        exported.engine,
        run.spec["precision"],
        facts,
    )


def usual_clips(exported: ExportedRun) -> int:
    """How many clips the training videos mostly have; 6 where their store is not here."""
    run, rule = exported.run, exported.rule
    if rule.spread or rule.video_length is not None:
        return len(rule.clips(rule.video_length or rule.length))
    if not run.store.exists():
        return _CLIPS
    with FeatureStore.open(run.store, run.spec) as store:
        known = sorted(len(store.clips(i)) for i in run.record["split"]["train"] if i in store)
    return known[len(known) // 2] if known else _CLIPS


def _drift(exported: ExportedRun, answer: Answer, counts: Sequence[int]) -> float:
    """The largest difference from PyTorch's answers; `AqaError` where it is more than rounding."""
    largest = 0.0
    share = _ROUNDING.get(exported.run.spec["precision"], _ROUNDING_ELSE)
    for count in counts:
        clips = exported.clips(count, seed=1)
        wanted, found = exported.answer(clips), _answered(exported, answer, clips)
        if not abs(found - wanted) <= share * max(1.0, abs(wanted)):
            raise AqaError(
                f"{exported.run.folder}: of a video of {count} clips, what was exported says "
                f"{found:.4f}, and {exported.engine} {wanted:.4f}; nothing was written"
            )
        largest = max(largest, abs(found - wanted))
    return largest


def _answered(exported: ExportedRun, answer: Answer, clips: NDArray[np.uint8]) -> float:
    try:
        return answer(clips)
    except Exception as error:  # ONNX Runtime's have no other base class
        reason, *_ = str(error).strip().splitlines() or [type(error).__name__]
        raise AqaError(
            f"{exported.run.folder}: of a video of {len(clips)} clips, what was exported fails "
            f"({reason}); nothing was written; hand the run on with `aqa pack`"
        ) from error

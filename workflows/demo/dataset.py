"""A data set of drawn dives: videos, joints, and a manifest that tells the truth about them.

Every video shows one platform dive of a known type with known faults. Video `i` depends on
`(seed, i)` alone, so a data set of 20 videos is the beginning of one of 40 (except for its splits).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from aqa.annotations.manifest import write_manifest
from aqa.annotations.split_drawing import random_splits
from aqa.errors import AqaError
from aqa.features.clips import ClipRule
from aqa.workflows.demo.commentary import commentary
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.drawing import draw_files, poses_path, video_path
from aqa.workflows.demo.panel import Fault
from aqa.workflows.demo.sampling import sample_dive

CLIP_RULE = ClipRule(length=16, stride=16)
"""The rule by which the manifest's `faulty_clips` are counted: the toolkit's default."""

FAULTY_FRAMES = 4
"""Frames of a fault a clip must show to count as faulty."""

_STAGES = ("takeoff", "flight", "entry", "ending")


def draw_dives(
    folder: str | os.PathLike[str],
    n_videos: int = 120,
    seed: int = 0,
    n_splits: int = 5,
    test_fraction: float = 0.25,
    progress: Callable[[int, int], None] | None = None,
    processes: int = 1,
) -> Path:
    """Write a data set: `folder/videos/dive_0001.mp4` ... and `folder/manifest.csv`.

    The joints as drawn go to `folder/poses/dive_0001.npz` ..., for `aqa extract --backbone pose`.

    n_splits, test_fraction: train/test splits, stratified by type of dive, drawn with `seed`.
    progress: called with the number of videos written and their total after each.
    processes: how many draw at once; more than one takes a main module that can be imported.
    Returns the path of the manifest, which is written last.
    """
    if n_videos < 1:
        raise AqaError(f"drawn dives: n_videos={n_videos} is not a positive number of videos")
    dives = [sample_dive(seed, index) for index in range(n_videos)]
    rows = manifest_rows(dives, n_splits, test_fraction, seed)
    folder = Path(folder)
    _make_folder(folder / "videos")
    _make_folder(folder / "poses")
    for done, _ in enumerate(draw_files(folder, dives, processes), start=1):
        if progress is not None:
            progress(done, n_videos)
    manifest = folder / "manifest.csv"
    write_manifest(manifest, rows)
    return manifest


def manifest_rows(
    dives: Sequence[Dive], n_splits: int, test_fraction: float, seed: int
) -> list[dict[str, object]]:
    """The rows of the manifest, one per dive."""
    rows = [_row(dive) for dive in dives]
    splits = random_splits(
        [dive.video_id for dive in dives],
        n=n_splits,
        test=test_fraction,
        seed=seed,
        strata=[dive.type.name for dive in dives],
    )
    for split in splits:
        tested = set(split.test)
        for dive, row in zip(dives, rows, strict=True):
            row[f"split_{split.name}"] = "test" if dive.video_id in tested else "train"
    return rows


def faulty_clips(faults: Sequence[Fault], n_frames: int) -> tuple[int, ...]:
    """The clips of `CLIP_RULE`, from 0, with at least `FAULTY_FRAMES` frames of one fault."""
    return tuple(
        number
        for number, clip in enumerate(CLIP_RULE.clips(n_frames))
        if any(
            min(clip.stop, fault.stop) - max(clip.start, fault.start) >= FAULTY_FRAMES
            for fault in faults
        )
    )


def _row(dive: Dive) -> dict[str, object]:
    faults = dive.faults
    return {
        "video_id": dive.video_id,
        "path": video_path(dive),
        "poses": poses_path(dive),
        "score": dive.score,
        "difficulty": dive.difficulty,
        "execution": dive.execution,
        "action": "diving",
        "type": dive.type.name,
        "position": dive.type.position,
        "rotation": dive.type.direction,
        "somersaults": dive.type.half_somersaults / 2,
        "twists": dive.type.half_twists / 2,
        **{f"judge_{number}": mark for number, mark in enumerate(dive.marks, start=1)},
        **{f"stage_{name}": dive.stages._asdict()[name] for name in _STAGES},
        "faults": ";".join(f"{fault.name}={fault.cost:.2f}" for fault in faults),
        "fault_frames": ";".join(f"{fault.name}={fault.start}-{fault.stop}" for fault in faults),
        "faulty_clips": ";".join(map(str, faulty_clips(faults, dive.n_frames))),
        "commentary": commentary(dive),
    }


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AqaError(
            f"{path}: cannot be made: {error.strerror}; name a folder that can be written to"
        ) from None

"""FineDiving: 3000 dives with steps and judges' marks.

The fields are those that the release's README describes; no file of it was at hand when this was
written, so whatever differs from the description is refused. The frame numbers of the untrimmed
videos are taken as those of the release's images: from 1, the last one included (ours). Types are
spelled as everywhere here: 407C, and 626 without a letter. 1369 of the dives are MTL-AQA's too,
and 268 of the training dives are test dives there; the column `performance` tells which, by type,
score and marks.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

from aqa.annotations.columns import JUDGE_PREFIX, PERFORMANCE, STAGE_PREFIX
from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    Version,
    VideoFolder,
)
from aqa.annotations.importing.dives import fina_type
from aqa.annotations.importing.event_keys import Key, read_by_event, read_event_keys
from aqa.annotations.importing.video_folder import count_images, is_video
from aqa.annotations.overlaps import marks_keys
from aqa.errors import AqaError

N_DIVES = 3000
_SHOWN = 10  # dives in a note
_COARSE = ("action_type", "dive_score", "difficulty", "start_frame", "end_frame", "judge_scores")

# Of both releases only the sizes are known.
FINE = SourceFile(
    "FineDiving_fine-grained_annotation.pkl",
    "the step of every frame",
    versions=(
        Version(3528282, release="the release with fewer dives of five steps"),
        Version(3528149, release="the release with 34 more dives of five steps"),
    ),
)


def read(request: Request) -> Imported:
    """Read both annotations and the official split; the steps are found from the frames' labels."""
    path = request.find("FineDiving_coarse_annotation.pkl")
    fine_path = request.find("FineDiving_fine-grained_annotation.pkl")
    coarse, fine = _annotations(path), _annotations(fine_path)
    if different := sorted(coarse.keys() ^ fine.keys()):
        raise AqaError(f"{fine_path}: dive {_name(different[0])} is not in both annotations")
    parts = {
        part: read_event_keys(request.find(f"{part}_split.pkl"), coarse, "dive", _name)
        for part in ("train", "test")
    }
    if both := sorted(parts["train"] & parts["test"]):
        raise AqaError(f"{path.parent}: dive {_name(both[0])} is in train and in test")
    videos = VideoFolder(request.videos)
    for key, dive in coarse.items():
        _check(path, key, dive)
    shared = marks_keys(
        {
            _name(key): (
                fina_type(str(dive["action_type"])),
                dive["dive_score"],
                dive["difficulty"],
                dive["judge_scores"],
            )
            for key, dive in coarse.items()
        }
    )
    steps = {key: _steps(fine_path, key, dive) for key, dive in fine.items()}
    n_judges = max(len(dive["judge_scores"]) for dive in coarse.values())
    n_steps = max(map(len, steps.values()))
    rows = []
    for key in sorted(coarse):
        row = _row(key, coarse[key], videos)
        for number in range(n_judges):
            row[f"{JUDGE_PREFIX}{number + 1}"] = _at(coarse[key]["judge_scores"], number)
        for number in range(n_steps):
            row[f"{STAGE_PREFIX}step{number + 1}"] = _at(steps[key], number, (None, None))[0]
        row[PERFORMANCE] = shared[_name(key)]
        row["steps"] = ";".join(name for _, name in steps[key])
        row[PUBLISHED] = next((part for part, keys in parts.items() if key in keys), None)
        rows.append(row)
    notes = [f"{N_DIVES} dives were published"] if len(rows) != N_DIVES else []
    notes.append(_release(fine_path, steps))
    frames = {_name(key): len(dive["frames_labels"]) for key, dive in fine.items()}
    notes += _other_counts(rows, frames)
    return Imported(rows, path, notes=notes)


def _annotations(path: Path) -> dict[Key, dict[str, Any]]:
    dives = read_by_event(path, "dive")
    for key, dive in dives.items():
        if not isinstance(dive, dict):
            raise AqaError(f"{path}: dive {_name(key)} is no dictionary of annotations")
    return dives


def _name(key: Key) -> str:
    return f"{key[0]}-{key[1]:03d}"


def _at(values: Sequence[Any], number: int, otherwise: Any = None) -> Any:
    return values[number] if number < len(values) else otherwise


def _check(path: Path, key: Key, dive: dict[str, Any]) -> None:
    def wrong(name: str, expected: str) -> AqaError:
        value = reprlib.repr(dive[name])
        return AqaError(f"{path}: dive {_name(key)}: {name} is {value}, not {expected}")

    if missing := [name for name in _COARSE if name not in dive]:
        raise AqaError(f"{path}: dive {_name(key)} has no {missing[0]}")
    for name, least in (("dive_score", 0), ("difficulty", 0.1), ("start_frame", 1)):
        if not isinstance(dive[name], int | float) or not dive[name] >= least:
            raise wrong(name, f"a number from {least}")
    if not isinstance(dive["end_frame"], int | float) or dive["end_frame"] < dive["start_frame"]:
        raise wrong("end_frame", f"a frame from {dive['start_frame']}")
    marks = dive["judge_scores"]
    if not isinstance(marks, list) or not all(isinstance(mark, int | float) for mark in marks):
        raise wrong("judge_scores", "a list of numbers")


def _row(key: Key, dive: dict[str, Any], videos: VideoFolder) -> Row:
    event, number = key
    place = videos.find(f"{event}/{number}", event)
    if place is not None and place.name == event and not is_video(place):
        place = place / str(number)  # a folder of the others' frames
    # Trimmed frames show the action alone; in an untrimmed video it is a range of frames.
    is_trimmed = place is not None and place.parent.name == event
    return {
        "video_id": _name(key),
        "path": place,
        "score": dive["dive_score"],
        "start_frame": None if is_trimmed else int(dive["start_frame"]) - 1,
        "end_frame": None if is_trimmed else int(dive["end_frame"]),
        "difficulty": dive["difficulty"],
        "execution": round(dive["dive_score"] / dive["difficulty"], 6),
        "action": "diving",
        "type": fina_type(str(dive["action_type"])),
        "event": event,
    }


def _release(path: Path, steps: Mapping[Key, Sized]) -> str:
    """Which of the two releases the fine-grained annotations are of, by the size of their file."""
    size = path.stat().st_size
    known = [version.release for version in FINE.versions if version.size == size]
    five = sum(len(one) == 5 for one in steps.values())
    which = known[0] if known else "neither of the two that are known, or another pickle of them"
    return f"{path.name}: {size} bytes, {five} dives of five steps: {which}"


def _other_counts(rows: Sequence[Row], annotated: Mapping[str, int]) -> list[str]:
    """A note on dives whose folder has more or fewer images than frames are annotated."""
    differ = []
    for row in rows:
        path, n = row["path"], annotated[str(row["video_id"])]
        if row["start_frame"] is None and isinstance(path, Path) and path.is_dir():
            images = count_images(path)
            if images not in (0, n):
                differ.append(f"{row['video_id']} {images} ({n})")
    if not differ:
        return []
    shown = ", ".join(differ[:_SHOWN]) + (", ..." if len(differ) > _SHOWN else "")
    return [
        f"{len(differ)} dives have another number of images than of annotated frames (in "
        f"brackets), so their steps may be out of place: {shown}"
    ]


def _steps(path: Path, key: Key, fine: dict[str, Any]) -> list[tuple[int, str]]:
    """(first frame, name) of each run of equal labels; frame 0 is the dive's first."""
    labels, names = fine.get("frames_labels"), fine.get("sub-action_types")
    if not isinstance(labels, list) or not labels or not isinstance(names, dict):
        raise AqaError(f"{path}: dive {_name(key)} has no frames_labels or no sub-action_types")
    steps, start = [], 0
    for label, run in itertools.groupby(labels):
        steps.append((start, str(names.get(label, label))))
        start += len(list(run))
    return steps


IMPORTER = Importer(
    read,
    citation="xu2022finediving",
    origin="https://github.com/xujinglin/FineDiving, folder Annotations",
    files=(
        SourceFile("FineDiving_coarse_annotation.pkl", "scores, difficulties, marks, frames"),
        FINE,
        SourceFile("train_split.pkl", "the training dives"),
        SourceFile("test_split.pkl", "the test dives"),
    ),
    options={
        "videos": "folder of the trimmed frames, <event>/<number>/, or of the untrimmed videos, "
        "<event>.mp4 or <event>/"
    },
    counts={"videos": N_DIVES, "types": 52, "difficulties": 23},
    videos="as the repository's README says, which has a release agreement; size not known",
    tried="all 3000 dives of a release, by a user; no file of it is at hand for the tests",
)

"""FineDiving (Xu et al. 2022): 3000 dives with steps and judges' marks, from its pickles.

SOURCE: the folder Annotations of its release, or the files FineDiving_coarse_annotation.pkl,
FineDiving_fine-grained_annotation.pkl, train_split.pkl and test_split.pkl. --videos: the trimmed
frames, <event>/<number>/, or the untrimmed videos, <event>.mp4 or <event>/.

The fields are those that the release's README describes; no file of it was at hand when this was
written, so whatever differs from the description is refused. The frame numbers of the untrimmed
videos are taken as those of the release's images: from 1, the last one included (ours).
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from aqa.errors import AqaError
from aqa.features.datasets.base import PUBLISHED, Imported, Importer, Request, Row, Videos
from aqa.features.datasets.pickles import read_pickle
from aqa.features.manifest import JUDGE_PREFIX, STAGE_PREFIX

N_DIVES = 3000
_COARSE = ("action_type", "dive_score", "difficulty", "start_frame", "end_frame", "judge_scores")

Key = tuple[str, int]


def read(request: Request) -> Imported:
    """Read both annotations and the official split; steps come from the frames' labels."""
    path = request.find("FineDiving_coarse_annotation.pkl")
    fine_path = request.find("FineDiving_fine-grained_annotation.pkl")
    coarse, fine = _annotations(path), _annotations(fine_path)
    if different := sorted(coarse.keys() ^ fine.keys()):
        raise AqaError(f"{fine_path}: dive {_name(different[0])} is not in both annotations")
    parts = {part: _keys(request.find(f"{part}_split.pkl"), coarse) for part in ("train", "test")}
    if both := sorted(parts["train"] & parts["test"]):
        raise AqaError(f"{path.parent}: dive {_name(both[0])} is in train and in test")
    videos = Videos(request.videos)
    dives = {key: _Dive(path, fine_path, key, coarse[key], fine[key]) for key in sorted(coarse)}
    judges = max(len(dive.judges) for dive in dives.values())
    steps = max(len(dive.steps) for dive in dives.values())
    rows = []
    for key, dive in dives.items():
        row = dive.row(videos, judges, steps)
        row[PUBLISHED] = next((part for part, keys in parts.items() if key in keys), "")
        rows.append(row)
    notes = [f"{N_DIVES} dives were published"] if len(rows) != N_DIVES else []
    return Imported(rows, path, notes=notes)


def _annotations(path: Path) -> dict[Key, dict[str, Any]]:
    found = read_pickle(path)
    if not isinstance(found, dict) or not found:
        raise AqaError(f"{path}: no dictionary of dives")
    dives = {_key(path, key): dive for key, dive in found.items()}
    for key, dive in dives.items():
        if not isinstance(dive, dict):
            raise AqaError(f"{path}: dive {_name(key)} is no dictionary of annotations")
    return dives


def _keys(path: Path, known: dict[Key, Any]) -> set[Key]:
    found = read_pickle(path)
    if not isinstance(found, list) or not found:
        raise AqaError(f"{path}: no list of dives")
    keys = [_key(path, key) for key in found]
    if unknown := sorted(set(keys) - known.keys()):
        raise AqaError(f"{path}: dive {_name(unknown[0])} has no annotation")
    if len(set(keys)) < len(keys):
        raise AqaError(f"{path}: {len(keys) - len(set(keys))} dives stand twice")
    return set(keys)


def _key(path: Path, key: object) -> Key:
    """(event, number); the number may be written as text."""
    match key:
        case (str() as event, int() | str() as number) if event and str(number).isdecimal():
            return event, int(number)
    raise AqaError(f"{path}: {key!r:.60} is not a dive's (event, number)")


def _name(key: Key) -> str:
    return f"{key[0]}-{key[1]:03d}"


class _Dive:
    """One dive, checked as it is read."""

    def __init__(
        self, path: Path, fine_path: Path, key: Key, coarse: dict[str, Any], fine: dict[str, Any]
    ):
        self.path, self.key, self.coarse = path, key, coarse
        for name in _COARSE:
            if name not in coarse:
                raise AqaError(f"{path}: dive {_name(key)} has no {name}")
        for name in ("dive_score", "difficulty", "start_frame", "end_frame"):
            if not isinstance(coarse[name], int | float):
                raise AqaError(
                    f"{path}: {name} of dive {_name(key)} is {coarse[name]!r:.40}, no number"
                )
        if not coarse["difficulty"] > 0 or not coarse["dive_score"] >= 0:
            raise AqaError(
                f"{path}: dive {_name(key)} has score {coarse['dive_score']}, difficulty {coarse['difficulty']}"
            )
        if not 1 <= coarse["start_frame"] <= coarse["end_frame"]:
            raise AqaError(
                f"{path}: dive {_name(key)} has frames {coarse['start_frame']} to {coarse['end_frame']}"
            )
        self.judges = coarse["judge_scores"]
        if not isinstance(self.judges, list) or not all(
            isinstance(j, int | float) for j in self.judges
        ):
            raise AqaError(f"{path}: judge_scores of dive {_name(key)} are no list of numbers")
        self.steps = _steps(fine_path, key, fine)

    def row(self, videos: Videos, judges: int, steps: int) -> Row:
        event, number = self.key
        coarse = self.coarse
        own = videos.find(f"{event}/{number}", event)
        # Trimmed frames are the action alone; an untrimmed video needs the range.
        whole = own is not None and own.parent.name == event
        stages = dict(enumerate(self.steps, start=1))
        return {
            "video_id": _name(self.key),
            "path": own,
            "score": coarse["dive_score"],
            "start_frame": None if whole else int(coarse["start_frame"]) - 1,
            "end_frame": None if whole else int(coarse["end_frame"]),
            "difficulty": coarse["difficulty"],
            "execution": round(coarse["dive_score"] / coarse["difficulty"], 4),
            "action": "diving",
            "type": str(coarse["action_type"]),
            "event": event,
            **{
                f"{JUDGE_PREFIX}{j}": mark
                for j, mark in itertools.zip_longest(range(1, judges + 1), self.judges)
            },
            **{
                f"{STAGE_PREFIX}step{k}": stages[k][0] if k in stages else None
                for k in range(1, steps + 1)
            },
            "steps": ";".join(name for _, name in self.steps),
        }


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


IMPORTER = Importer(read)

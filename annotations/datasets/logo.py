"""LOGO: 200 artistic swimming routines of eight athletes, from 26 events.

The score is that of the routine, from 0 to 100; its type is tech or free. The column elements holds
what is shown when, by the label of each frame: `upper 76-141` are the frames from 76 up to 141, 25
per second. The names of the labels 1 to 12 are those of the code for finding actions in LOGO.
Formations are in another file (formation_dict.pkl), whose layout is not described; they are not
read.
"""

from __future__ import annotations

import itertools
import reprlib
from pathlib import Path
from typing import Any

from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    VideoFolder,
    expect_count,
)
from aqa.annotations.importing.event_keys import Key, read_by_event, read_event_keys
from aqa.errors import AqaError

N_ROUTINES = 200
TYPES = ("tech", "free")
# World Aquatics' scale until 2022, when the last of these routines was swum.
HIGHEST = 100
ELEMENTS = (
    *(f"required {number}" for number in range(1, 6)),
    *("acrobatic", "cadence", "free", "upper", "lower", "float", "none"),
)
# As the release is unpacked, and as later work keeps it.
_FOLDERS = ("LOGO Anno&Split", "LOGO_Anno&Split", "Anno_result")


def _file(name: str, holds: str) -> SourceFile:
    return SourceFile(name, holds, folders=_FOLDERS)


ANNOTATIONS = _file("anno_dict.pkl", "types, scores, labels of every frame")
LISTS = {
    "train": _file("train_split3.pkl", "the training routines"),
    "test": _file("test_split3.pkl", "the test routines"),
}


def read(request: Request) -> Imported:
    """Read the annotations, {(event, number): [type, score, -, -, label of each frame]}."""
    path = request.find(*ANNOTATIONS.places)
    routines = read_by_event(path, "routine")
    expect_count(path, len(routines), N_ROUTINES, "routines")
    parts = {
        part: read_event_keys(request.find(*file.places), routines, "routine", _name)
        for part, file in LISTS.items()
    }
    if both := sorted(parts["train"] & parts["test"]):
        raise AqaError(f"{path.parent}: routine {_name(both[0])} is in train and in test")
    videos = VideoFolder(request.videos)
    rows = []
    for key in sorted(routines):
        row = _row(path, key, routines[key], videos)
        row[PUBLISHED] = next((part for part, keys in parts.items() if key in keys), None)
        rows.append(row)
    unused = sum(row[PUBLISHED] is None for row in rows)
    notes = [f"{unused} routines are neither in train nor in test"] if unused else []
    return Imported(rows, path, notes=notes)


def _name(key: Key) -> str:
    """As the files of features are named that the authors publish."""
    return f"{key[0]}_{key[1]}"


def _row(path: Path, key: Key, routine: Any, videos: VideoFolder) -> Row:
    def wrong(what: str, value: object, expected: str) -> AqaError:
        return AqaError(
            f"{path}: routine {_name(key)}: {what} is {reprlib.repr(value)[:80]}, not {expected}"
        )

    if not isinstance(routine, list | tuple) or len(routine) < 5:
        raise wrong("its annotation", routine, "a list of five")
    kind, score, labels = routine[0], routine[1], routine[4]
    if kind not in TYPES:
        raise wrong("the type", kind, " or ".join(TYPES))
    if not isinstance(score, int | float) or not 0 <= score <= HIGHEST:
        raise wrong("the score", score, f"a number from 0 to {HIGHEST}")
    if (
        not isinstance(labels, list)
        or not labels
        or not all(isinstance(label, int) for label in labels)
    ):
        raise wrong("the label of each frame", labels, "a list of whole numbers")
    return {
        "video_id": _name(key),
        "path": videos.find(f"{key[0]}/{key[1]}", _name(key)),
        "score": score,
        "action": "artistic_swimming",
        "type": kind,
        "event": key[0],
        "annotated_frames": len(labels),
        "elements": _elements(labels),
    }


def _elements(labels: list[int]) -> str:
    """What is shown from which frame to which: `none 0-76; upper 76-141`."""
    texts, start = [], 0
    for label, run in itertools.groupby(labels):
        end = start + len(list(run))
        name = ELEMENTS[label - 1] if 0 < label <= len(ELEMENTS) else f"label {label}"
        texts.append(f"{name} {start}-{end}")
        start = end
    return "; ".join(texts)


IMPORTER = Importer(
    read,
    citation="zhang2023",
    origin="https://github.com/shiyi-zh0408/LOGO, which links to Baidu Drive and Google Drive",
    files=(ANNOTATIONS, *LISTS.values()),
    options={"videos": "folder of the frames, WorldChampionship2019_free_final/0/00000.jpg, ..."},
    counts={"videos": N_ROUTINES, "events": 26},
    videos="frames at 25 per second, linked at the same address; 204 seconds on average; their "
    "size is not stated",
    tried="no real file: it was written from the repository's README and loaders, and never run on "
    "the real one",
)

"""MTL-AQA: 1412 dives of 15 events, with the authors' split."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
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
    expect_range,
)
from aqa.annotations.importing.dives import CODES, describe_dive
from aqa.annotations.importing.pickles import read_pickle
from aqa.errors import AqaError

N_DIVES, N_TRAIN, N_TEST = 1412, 1059, 353
HIGHEST = 104.5  # of the published scores
_NUMBERS = ("start_frame", "end_frame", "difficulty", "final_score", *CODES)

Key = tuple[int, int]


def read(request: Request) -> Imported:
    """Read annotations, captions (where given), the official split and the smaller ones.

    The frames are read as the authors' loader reads them: a half-open range, counted from 0.
    """
    path = _find(request, "final_annotations_dict.pkl")
    dives = read_annotations(path)
    expect_count(path, len(dives), N_DIVES, "dives")
    scores = {_name(key): dive["final_score"] for key, dive in dives.items()}
    expect_range(path, scores, 0, HIGHEST)
    train = _part(_find(request, "train_split_0.pkl"), dives, N_TRAIN)
    test = _part(_find(request, "test_split_0.pkl"), dives, N_TEST)
    if both := train & test:
        raise AqaError(f"{path.parent}: dive {_name(min(both))} is in train and in test")
    smaller = _smaller(request, dives, train)
    captions, notes = _captions(_find_optional(request, "final_captions_dict.pkl"), dives)
    videos = VideoFolder(request.videos)
    rows = []
    for key, dive in dives.items():
        row = _row(path, key, dive, videos, request.last_frames)
        if captions:
            row["commentary"] = captions.get(key)
        row[PUBLISHED] = "test" if key in test else "train"
        for name, keys in smaller.items():
            row[name] = "test" if key in test else "train" if key in keys else None
        rows.append(row)
    return Imported(rows, path, notes=[*notes, *_odd_scores(dives)])


def _find_optional(request: Request, name: str) -> Path | None:
    return request.find_optional(name, f"MTL-AQA_split_0_data/{name}")


def _find(request: Request, name: str) -> Path:
    return request.find(name, f"MTL-AQA_split_0_data/{name}")


def read_annotations(path: Path) -> dict[Key, dict[str, Any]]:
    """The dives of a final_annotations_dict.pkl by (event, number), in order; checked."""
    content = read_pickle(path)
    if not isinstance(content, dict) or not content:
        raise AqaError(f"{path}: no dictionary of dives")
    for key, dive in content.items():
        _check_key(path, key)
        if not isinstance(dive, dict):
            raise AqaError(f"{path}: dive {key} is no dictionary of annotations")
        for name in _NUMBERS:
            value = dive.get(name)
            if not isinstance(value, int | float):
                raise AqaError(
                    f"{path}: dive {_name(key)}: {name} is {reprlib.repr(value)}, no number"
                )
        if not 0 <= dive["start_frame"] < dive["end_frame"]:
            raise AqaError(
                f"{path}: dive {_name(key)} ends at frame {dive['end_frame']}, before its first "
                f"frame {dive['start_frame']}"
            )
        if not dive["difficulty"] > 0:
            raise AqaError(f"{path}: the difficulty of dive {_name(key)} is {dive['difficulty']}")
    return dict(sorted(content.items()))


def read_keys(path: Path, dives: Iterable[Key]) -> list[Key]:
    """A pickled list of (event, number): known dives, each listed once."""
    keys, known = read_pickle(path), set(dives)
    if not isinstance(keys, list) or not keys:
        raise AqaError(f"{path}: no list of dives")
    seen: set[Key] = set()
    for key in keys:
        _check_key(path, key)
        if key not in known:
            raise AqaError(f"{path}: dive {_name(key)} has no annotation")
        if key in seen:
            raise AqaError(f"{path}: dive {_name(key)} is listed twice")
        seen.add(key)
    return keys


def _part(path: Path, dives: Iterable[Key], size: int) -> set[Key]:
    keys = set(read_keys(path, dives))
    expect_count(path, len(keys), size, "dives")
    return keys


def _check_key(path: Path, key: object) -> None:
    if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, int) for k in key)):
        raise AqaError(f"{path}: {reprlib.repr(key)} is not a dive's (event, number)")


def _name(key: Key) -> str:
    return f"{key[0]:02d}-{key[1]:03d}"


def _row(
    path: Path, key: Key, dive: dict[str, Any], videos: VideoFolder, last_frames: int | None
) -> Row:
    event, number = key
    place = videos.find(_name(key), f"{event:02d}_{number:02d}", f"{event:02d}")
    # A file of the dive alone needs no range of frames; an event's broadcast does.
    is_alone = place is not None and place.stem != f"{event:02d}"
    start = dive["end_frame"] - last_frames if last_frames else dive["start_frame"]
    if start < 0:
        raise AqaError(
            f"{path}: dive {_name(key)} ends at frame {dive['end_frame']}, so there are no "
            f"{last_frames} frames of it"
        )
    return {
        "video_id": _name(key),
        "path": place,
        "score": dive["final_score"],
        "start_frame": None if is_alone else start,
        "end_frame": None if is_alone else dive["end_frame"],
        "difficulty": dive["difficulty"],
        "execution": round(dive["final_score"] / dive["difficulty"], 6),
        "action": "diving",
        **describe_dive(path, _name(key), dive),
        "event": f"{event:02d}",
    }


def _smaller(request: Request, dives: Iterable[Key], train: set[Key]) -> dict[str, set[Key]]:
    """The smaller training sets that SOURCE holds: manifest column -> its training dives."""
    sets = {}
    pattern = "size_*/train_split_0.pkl"
    for path in request.find_all(pattern, f"smaller_training_sets/{pattern}"):
        size = path.parent.name.removeprefix("size_")
        if not size.isdecimal():
            raise AqaError(f"{path.parent}: its name does not tell how many dives it holds")
        sets[f"split_size-{size}"] = keys = _part(path, dives, int(size))
        if outside := keys - train:
            raise AqaError(f"{path}: dive {_name(min(outside))} is no official training dive")
    return sets


def _captions(path: Path | None, dives: Iterable[Key]) -> tuple[dict[Key, str], list[str]]:
    """The commentary of each dive as one line, without its start and end marks."""
    if path is None:
        return {}, []
    content, known = read_pickle(path), set(dives)
    if not isinstance(content, dict):
        raise AqaError(f"{path}: no dictionary of captions")
    captions = {}
    for key, words in content.items():
        _check_key(path, key)
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise AqaError(f"{path}: the caption of dive {_name(key)} is no list of words")
        captions[key] = " ".join(word for word in words if word not in ("<sos>", "<eos>"))
    left_out = sorted(set(captions) - known)
    notes = [f"{len(left_out)} captions of dives without annotation are left out"]
    return {key: captions[key] for key in captions if key in known}, notes if left_out else []


def _odd_scores(dives: dict[Key, dict[str, Any]]) -> list[str]:
    """A note on scores that no sum of three judges' marks, in halves, gives; they are kept."""
    odd = [
        _name(key)
        for key, dive in dives.items()
        if abs(2 * dive["final_score"] / dive["difficulty"] % 1 - 0.5) < 0.499
    ]
    if not odd:
        return []
    return [
        f"{len(odd)} scores are not a multiple of half the difficulty, such as that of {odd[0]}"
    ]


IMPORTER = Importer(
    read,
    citation="parmar2019what",
    origin="https://github.com/ParitoshParmar/MTL-AQA, folder MTL-AQA_split_0_data",
    files=(
        SourceFile("final_annotations_dict.pkl", "scores, difficulties, attributes, frames"),
        SourceFile("train_split_0.pkl", "the 1059 training dives"),
        SourceFile("test_split_0.pkl", "the 353 test dives"),
        SourceFile("final_captions_dict.pkl", "the commentary", optional=True),
        SourceFile(
            "size_*/train_split_0.pkl",
            "smaller training sets; or in a folder smaller_training_sets",
            optional=True,
        ),
    ),
    options={
        "videos": "folder of the events' broadcasts, 01.mp4 or frames 01/000001.jpg; or of one "
        "file or folder per dive, 01-001 or 01_01",
        "last_frames": "103, as the authors' loader: the last so many frames of each dive",
    },
)

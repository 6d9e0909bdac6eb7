"""Reading MTL-AQA's pickles: annotations in their three versions, lists of dives, captions."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.importing.dives import CODES
from aqa.annotations.importing.pickles import read_dictionary, read_pickle
from aqa.errors import AqaError

_NUMBERS = ("start_frame", "end_frame", "difficulty", "final_score", *CODES)

Key = tuple[int, int]
Dives = dict[Key, dict[str, Any]]


def read_versions(paths: Sequence[Path]) -> list[Dives]:
    """The dives of several versions of the annotations, which must tell the same of each dive.

    A version may have fields that another lacks. `AqaError` with the dive, the field and both
    values where two differ; the field `judge_scores` may.
    """
    versions = [read_annotations(path) for path in paths]
    first = versions[0]
    for path, dives in zip(paths[1:], versions[1:], strict=True):
        if different := sorted(first.keys() ^ dives.keys()):
            raise AqaError(f"{path}: dive {dive_name(different[0])} is not in it and {paths[0]}")
        for key, dive in dives.items():
            for name, value in first[key].items():
                if name != "judge_scores" and dive.get(name, value) != value:
                    raise AqaError(
                        f"{path}: dive {dive_name(key)}: {name} is {reprlib.repr(dive[name])}; "
                        f"in {paths[0]} it is {reprlib.repr(value)}"
                    )
    return versions


def read_annotations(path: Path) -> Dives:
    """The dives of a final_annotations_dict.pkl by (event, number), in order; checked."""
    content = read_dictionary(path, "dives")
    for key, dive in content.items():
        _check_key(path, key)
        if not isinstance(dive, dict):
            raise AqaError(f"{path}: dive {key} is no dictionary of annotations")
        for name in _NUMBERS:
            value = dive.get(name)
            if not isinstance(value, int | float):
                raise AqaError(
                    f"{path}: dive {dive_name(key)}: {name} is {reprlib.repr(value)}, no number"
                )
        if not 0 <= dive["start_frame"] < dive["end_frame"]:
            raise AqaError(
                f"{path}: dive {dive_name(key)} ends at frame {dive['end_frame']}, before its "
                f"first frame {dive['start_frame']}"
            )
        if not dive["difficulty"] > 0:
            raise AqaError(
                f"{path}: the difficulty of dive {dive_name(key)} is {dive['difficulty']}"
            )
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
            raise AqaError(f"{path}: dive {dive_name(key)} has no annotation")
        if key in seen:
            raise AqaError(f"{path}: dive {dive_name(key)} is listed twice")
        seen.add(key)
    return keys


def _check_key(path: Path, key: object) -> None:
    if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, int) for k in key)):
        raise AqaError(f"{path}: {reprlib.repr(key)} is not a dive's (event, number)")


def dive_name(key: Key) -> str:
    """The id of a dive in a manifest, such as 01-007."""
    return f"{key[0]:02d}-{key[1]:03d}"


def read_captions(path: Path | None, dives: Iterable[Key]) -> tuple[dict[Key, str], list[str]]:
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
            raise AqaError(f"{path}: the caption of dive {dive_name(key)} is no list of words")
        captions[key] = " ".join(word for word in words if word not in ("<sos>", "<eos>"))
    left_out = sorted(set(captions) - known)
    notes = [f"{len(left_out)} captions of dives without annotation are left out"]
    return {key: captions[key] for key in captions if key in known}, notes if left_out else []

"""Datasets of joints whose labels stand in the names of the files, one file per video."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aqa.annotations.importing.importer import Request
from aqa.errors import AqaError

SUFFIXES = (".npy", ".csv", ".txt")
# How deep below a source a file may lie.
_DEPTH = 3


def joint_files(request: Request, name: re.Pattern[str], example: str) -> dict[Path, re.Match[str]]:
    """The files whose stem matches `name`, absolute and in order of their stems, by path.

    example: of a stem that matches, for messages. `AqaError` where there are none, or two of one
    stem, as where a folder holds what several sensors recorded.
    """
    patterns = [
        "/".join(["*"] * depth + [f"*{suffix}"]) for depth in range(_DEPTH) for suffix in SUFFIXES
    ]
    found: dict[str, tuple[Path, re.Match[str]]] = {}
    for path in request.find_all(*patterns):
        match = name.fullmatch(path.stem)
        if match is None:
            continue
        if path.stem in found:
            raise AqaError(
                f"{path}: {found[path.stem][0]} has the same name; name the folder of one sensor"
            )
        found[path.stem] = (Path(os.path.abspath(path)), match)
    if not found:
        where = ", ".join(map(str, request.sources))
        raise AqaError(f"{where}: no files of joints named like {example}{SUFFIXES[0]}")
    return dict(found[stem] for stem in sorted(found))

"""A folder of videos that nobody has labelled yet: a table to fill in.

Files of videos and folders of numbered images, up to three folders deep; their names are the ids,
with those of their folders where several videos have the same name.
The manifest has no column score: features can be extracted, and a column `score` can be filled in
later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.video_folder import VIDEO_SUFFIXES, is_video
from aqa.errors import AqaError

# How deep below a source a video may lie.
_DEPTH = 3


def read(request: Request) -> Imported:
    """A row for every video; none of them is opened."""
    below: dict[Path, str] = {}  # video -> its place below the source, without suffix
    for source in request.sources:
        if not source.is_dir():
            raise AqaError(f"{source}: no folder of videos")
        for path in _videos(source, _DEPTH):
            place = path.relative_to(source)
            below[Path(os.path.abspath(path))] = str(
                place if path.is_dir() else place.with_suffix("")
            )
    if not below:
        where = ", ".join(map(str, request.sources))
        raise AqaError(f"{where}: no videos or folders of numbered images")
    notes = ["no scores: add a column score, and splits"]
    found = _by_id({path: Path(place).name for path, place in below.items()})
    if len(found) < len(below):
        joined = {path: place.replace(os.sep, "-") for path, place in below.items()}
        found = _by_id(joined, strict=True)
        notes.append(f"folders hold videos of the same name: ids name both, such as {min(found)}")
    rows: list[Row] = [{"video_id": name, "path": found[name]} for name in sorted(found)]
    return Imported(rows, request.sources[0], notes=notes)


def _by_id(names: Mapping[Path, str], *, strict: bool = False) -> dict[str, Path]:
    """Id -> video. strict: `AqaError` where two have the same; else the first of them."""
    found: dict[str, Path] = {}
    for path, name in names.items():
        if name in found and strict:
            raise AqaError(f"{path}: {found[name]} has the same id, {name}; rename one of them")
        found.setdefault(name, path)
    return found


def _videos(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and is_video(path):
            yield path
        elif path.is_dir() and depth > 1:
            yield from _videos(path, depth - 1)
        elif path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES:
            yield path


IMPORTER = Importer(
    read, files=(SourceFile("*", "the videos, in files or as folders of numbered images"),)
)

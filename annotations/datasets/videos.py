"""A folder of videos that nobody has labelled yet: a table to fill in.

Files of videos and folders of numbered images, up to three folders deep; their names are the ids.
The manifest has no column score: features can be extracted, and a column `score` can be filled in
later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.video_folder import VIDEO_SUFFIXES, is_video
from aqa.errors import AqaError

_SUFFIXES = {*VIDEO_SUFFIXES, ".flv", ".m4v", ".mpg", ".mpeg", ".mts", ".wmv", ".ts", ".3gp"}
# How deep below a source a video may lie.
_DEPTH = 3


def read(request: Request) -> Imported:
    """A row for every video; none of them is opened."""
    found: dict[str, Path] = {}
    for source in request.sources:
        if not source.is_dir():
            raise AqaError(f"{source}: no folder of videos")
        for path in _videos(source, _DEPTH):
            video_id = path.name if path.is_dir() else path.stem
            if video_id in found:
                raise AqaError(f"{path}: {found[video_id]} has the same name; ids are names")
            found[video_id] = Path(os.path.abspath(path))
    if not found:
        where = ", ".join(map(str, request.sources))
        raise AqaError(f"{where}: no videos or folders of numbered images")
    rows: list[Row] = [{"video_id": name, "path": found[name]} for name in sorted(found)]
    return Imported(rows, request.sources[0], notes=["no scores: add a column score, and splits"])


def _videos(folder: Path, depth: int) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and is_video(path):
            yield path
        elif path.is_dir() and depth > 1:
            yield from _videos(path, depth - 1)
        elif path.is_file() and path.suffix.lower() in _SUFFIXES:
            yield path


IMPORTER = Importer(
    read, files=(SourceFile("*", "the videos, in files or as folders of numbered images"),)
)

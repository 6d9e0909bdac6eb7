"""Any table with a header: its columns renamed, all others kept."""

from __future__ import annotations

import os
from pathlib import Path

from aqa.annotations.csv_table import read_table
from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile, VideoFolder
from aqa.annotations.manifest import ManifestError
from aqa.errors import AqaError, UnknownNameError


def read(request: Request) -> Imported:
    """Read the table; relative paths start from it, or from the folder of videos."""
    if len(request.sources) != 1 or request.sources[0].is_dir():
        raise AqaError("`aqa import csv` reads one table: name one file")
    path = request.sources[0]
    if not path.exists():
        raise AqaError(f"{path}: no such file")
    header, numbered = read_table(path)
    for name, column in request.columns.items():
        if column not in header:
            raise UnknownNameError("column", column, header, remedy=f"for {name}, in {path}")
        if name in header and name != column:
            raise AqaError(f"{path}: it has a column {name} already, besides {column}")
    names = {column: name for name, column in request.columns.items()}
    if len(names) < len(request.columns):
        raise AqaError("--column: one column of the table is named twice")
    header = [names.get(name, name) for name in header]
    missing = [name for name in ("video_id", "score") if name not in header]
    if missing:
        raise AqaError(
            f"{path}: no column {' and '.join(missing)}; say which it is with "
            f"--column {missing[0]}=NAME, of {', '.join(header)}"
        )
    wrong = [
        f"row {number}: {len(values)} values for {len(header)} columns"
        for number, values in numbered
        if len(values) != len(header)
    ]
    if wrong or not numbered:
        raise ManifestError(path, wrong or ["it has a header but no rows"])
    videos = VideoFolder(request.videos)
    rows = [_row(dict(zip(header, values, strict=True)), path, videos) for _, values in numbered]
    return Imported(rows, path, [number for number, _ in numbered])


def _row(cells: dict[str, str], path: Path, videos: VideoFolder) -> Row:
    if "path" not in cells:
        place = videos.find(cells["video_id"])
    elif cells["path"]:
        place = Path(os.path.abspath((videos.folder or path.parent) / cells["path"]))
    else:
        place = None
    return {"video_id": cells["video_id"], **cells, "path": place}


IMPORTER = Importer(
    read,
    files=(SourceFile("*.csv", "one row per video, a header, and columns for id and score"),),
    options={
        "columns": "NAME=COLUMN, repeated: the manifest's NAME is the table's COLUMN, as in "
        "--column score=points",
        "videos": "folder that the table's paths start from; or, where it has no column path, "
        "the folder of videos named after their ids",
    },
)

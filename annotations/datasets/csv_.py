"""Any table, one row per video: its columns renamed, all others kept.

Columns may be separated by commas, semicolons, tabs, bars or blanks, and numbers have decimal
commas; what is found is told.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from aqa.annotations.columns import TARGET_PREFIX, has_other_scores
from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile, VideoFolder
from aqa.annotations.importing.loose_table import NO_VALUE, read_loose_table, with_decimal_points
from aqa.annotations.manifest import ManifestError
from aqa.annotations.urls import is_url
from aqa.errors import AqaError, UnknownNameError, listed
from aqa.target_names import SCORE

Numbered = list[tuple[int, dict[str, str]]]


def read(request: Request) -> Imported:
    """Read the table; relative paths start from it, or from the folder of videos."""
    if len(request.sources) != 1 or request.sources[0].is_dir():
        raise AqaError("`aqa import csv` reads one table: name one file")
    path = request.sources[0]
    if not path.exists():
        raise AqaError(f"{path}: no such file")
    table = read_loose_table(path, request.header)
    table = replace(table, header=_renamed(table.header, request, path))
    names = {column: name for name, column in request.columns.items()}
    of_means = {name: [names.get(one, one) for one in of] for name, of in request.means.items()}
    table = with_decimal_points(table, path, [name for of in of_means.values() for name in of])
    known = [*table.header, *request.means]
    needed = ("video_id", *(() if has_other_scores(known) else (SCORE,)))
    missing = [name for name in needed if name not in known]
    if missing:
        raise AqaError(
            f"{path}: no column {' and '.join(missing)}; say which it is with "
            f"--column {missing[0]}=NAME, of {listed(table.header, 20)}; or, where the table has "
            "no header, name all its columns with --header NAME,NAME,..."
        )
    wrong = [
        f"row {number}: {len(values)} values for {len(table.header)} columns"
        for number, values in table.rows
        if len(values) != len(table.header)
    ]
    if wrong or not table.rows:
        raise ManifestError(path, wrong or ["it has a header but no rows"])
    cells = [(n, _cells(table.header, values)) for n, values in table.rows]
    cells = _with_means(cells, of_means, path)
    cells, unscored = _scored(cells, request, path)
    unnamed = _unnamed(cells, table.unnamed, path)
    videos = VideoFolder(request.videos)
    rows = [_row(row, path, videos) for _, row in cells]
    means = [f"{name}: the mean of {listed(of)}" for name, of in request.means.items()]
    notes = (*table.notes, *means, *unscored, *unnamed)
    return Imported(rows, path, [number for number, _ in cells], notes)


def _renamed(header: list[str], request: Request, path: Path) -> list[str]:
    """The names that the columns get in the manifest."""
    asked = [(name, of) for name, each in request.means.items() for of in each]
    for name, column in [*request.columns.items(), *asked]:
        if column not in header:
            raise UnknownNameError("column", column, header, remedy=f"for {name}, in {path}")
        if name in header and name != column:
            raise AqaError(f"{path}: it has a column {name} already, besides {column}")
    names = {column: name for name, column in request.columns.items()}
    if len(names) < len(request.columns):
        raise AqaError("--column: one column of the table is named twice")
    return [names.get(name, name) for name in header]


def _cells(header: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Column -> text; of further scores an empty one where there is none."""
    row = dict(zip(header, values, strict=True))
    for name, text in row.items():
        if name.startswith(TARGET_PREFIX) and text.lower() in NO_VALUE:
            row[name] = ""
    return row


def _with_means(cells: Numbered, means: Mapping[str, Sequence[str]], path: Path) -> Numbered:
    """The rows with the means that were asked for; where a number is missing there is no mean."""
    for number, row in cells:
        for name, columns in means.items():
            texts = [row[column] for column in columns]
            lacking = any(text.lower() in NO_VALUE for text in texts)
            place = f"{path}: row {number}"
            row[name] = "" if lacking else _mean(place, dict(zip(columns, texts, strict=True)))
    return cells


def _mean(place: str, texts: Mapping[str, str]) -> str:
    values = []
    for column, text in texts.items():
        try:
            values.append(float(text))
        except ValueError:
            raise AqaError(f"{place}: {column} is {text!r}, which is no number") from None
    return f"{sum(values) / len(values):.10g}"


def _scored(cells: Numbered, request: Request, path: Path) -> tuple[Numbered, list[str]]:
    """The rows that have a score, and a line on those that have none."""
    if SCORE not in cells[0][1]:
        return cells, []
    without = [number for number, row in cells if row["score"].lower() in NO_VALUE]
    if not without:
        return cells, []
    which = f"{len(without)} of {len(cells)} rows have no score (rows {listed(without)})"
    if not request.skip_unscored:
        raise AqaError(f"{path}: {which}; leave them out with --skip-unscored")
    if len(without) == len(cells):
        raise AqaError(f"{path}: no row has a score")
    kept = [(number, row) for number, row in cells if number not in set(without)]
    return kept, [f"{path}: {which} and are left out"]


def _unnamed(cells: Numbered, unnamed: Sequence[str], path: Path) -> list[str]:
    """Take out the columns that nobody named; a line on those that hold something."""
    numbers = [name for name in unnamed if name in cells[0][1]]
    told = [name for name in numbers if any(row[name] for _, row in cells)]
    for _, row in cells:
        for name in numbers:
            del row[name]
    if not told:
        return []
    which = f"columns without a name are left out: number {listed(told)}"
    return [f"{path}: {which}; --column NAME={told[0]} takes one in"]


def _row(cells: dict[str, str], path: Path, videos: VideoFolder) -> Row:
    place: Path | str | None
    if "path" not in cells:
        place = videos.find(cells["video_id"])
    elif is_url(cells["path"]):
        place = cells["path"]
    elif cells["path"]:
        place = Path(os.path.abspath((videos.folder or path.parent) / cells["path"]))
    else:
        place = None
    return {"video_id": cells["video_id"], **cells, "path": place}


IMPORTER = Importer(
    read,
    files=(SourceFile("*.csv", "or .tsv, .txt: one row per video, with columns for id and score"),),
    options={
        "columns": "NAME=COLUMN, repeated: the manifest's NAME is the table's COLUMN, as in "
        "--column score=points or, of several scores, --column score_tes=TES; of a column "
        "without a name, its number, from 1",
        "means": "NAME=COLUMN with the same NAME again: the mean of these columns, such as two "
        "people's scores: --column score=Anna --column score=Ben",
        "header": "NAME,NAME,...: the names of the columns, where the table has no header",
        "skip_unscored": "leave out rows without a score",
        "videos": "folder that the table's paths start from; or, where it has no column path, "
        "the folder of videos named after their ids",
    },
)

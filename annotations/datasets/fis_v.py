"""Fis-V: 500 figure skating programs, with technical (TES) and component (PCS) scores.

The score is TES + PCS - deductions, the rule of the sport; the table's own total differs from it
for 14 programs by slips of the pen (58.16 for 36.53 + 31.63), so it is kept apart in the column
stated_total. The two scores are in score_tes and score_pcs: most works report both.
"""

from __future__ import annotations

from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    Version,
    VideoFolder,
    expect_count,
)
from aqa.annotations.importing.cells import Cells, by_id, read_cells
from aqa.errors import AqaError, listed

PARTS = {"train": 400, "test": 100}
# Columns of the two lists, which have no header, and of the table, of which three have no name.
_LIST = ("number", "tes", "pcs", "ded")
_TABLE = ("number", "total", "tes", "pcs", "ded", "skater", "year", "event")
_SCORES = ("tes", "pcs", "ded")
# No element of a short program takes the score below 0; the highest ever was below 130.
_HIGHEST = 150


def read(request: Request) -> Imported:
    """Read both lists, and skaters, events and totals from the table where there is one."""
    videos = VideoFolder(request.videos)
    about = _table(request)
    rows: dict[str, Row] = {}
    for part, size in PARTS.items():
        path = request.find(f"{part}_dataset.txt", f"data/{part}_dataset.txt")
        listed_ones = by_id(read_cells(path, _LIST, has_header=False), "number")
        expect_count(path, len(listed_ones), size, f"{part} programs")
        for number, cells in listed_ones.items():
            if number in rows:
                raise AqaError(f"{path}: program {number} is in train and in test")
            stated = None if about is None else _same(cells, about)
            rows[number] = _row(cells, stated, videos, part)
    ordered = [rows[number] for number in sorted(rows, key=lambda n: (len(n), n))]
    return Imported(ordered, path, notes=_notes(ordered, has_table=about is not None))


def _table(request: Request) -> dict[str, Cells] | None:
    """The programs of the table by number, without its empty rows; None where there is none."""
    path = request.find_optional("fs_dataset.csv", "data/fs_dataset.csv")
    if path is None:
        return None
    rows = read_cells(path, _TABLE, has_header=True)
    return by_id([row for row in rows if any(row.texts[name] for name in _TABLE[1:])], "number")


def _same(cells: Cells, about: dict[str, Cells]) -> Cells:
    """The table's row of a program; `AqaError` where it is not there or has other scores."""
    number = cells.texts["number"]
    if number not in about:
        first = next(iter(about.values()), None)
        where = first.path if first else "the table"
        raise AqaError(f"{where}: no program {number}, which {cells.path} lists")
    for name in _SCORES:
        here, there = cells.value(name), about[number].value(name)
        if abs(here - there) > 0.005:
            raise AqaError(
                f"{cells.path}: program {number}: {name} is {here:g}, but {there:g} in "
                f"{about[number].path.name}"
            )
    return about[number]


def _row(cells: Cells, about: Cells | None, videos: VideoFolder, part: str) -> Row:
    tes, pcs, deductions = (cells.value(name, 0, _HIGHEST) for name in _SCORES)
    number = cells.texts["number"]
    event, year = (about.text("event"), about.text("year")) if about else (None, None)
    return {
        "video_id": number,
        "path": videos.find(number),
        "score": round(tes + pcs - deductions, 2),
        "score_tes": tes,
        "score_pcs": pcs,
        "deductions": deductions,
        "stated_total": about.value("total") if about else None,
        "action": "figure_skating",
        "athlete": about.text("skater") if about else None,
        "event": f"{event} {year}" if event and year else event,
        PUBLISHED: part,
    }


def _notes(rows: list[Row], has_table: bool) -> list[str]:
    notes = ["score is TES + PCS - deductions; score_tes and score_pcs hold the two"]
    if not has_table:
        return [*notes, "no fs_dataset.csv: skaters and events are not known"]
    others = [
        f"{row['video_id']} ({row['stated_total']:g}, not {row['score']:g})"
        for row in rows
        if abs(float(str(row["stated_total"])) - float(str(row["score"]))) > 0.015
    ]
    if others:
        notes.append(f"{len(others)} stated totals are not that sum: {listed(others)}")
    return notes


def _file(
    name: str, holds: str, optional: bool = False, size: int = 0, sha256: str = ""
) -> SourceFile:
    versions = (Version(size, sha256, "MS_LSTM"),) if size else ()
    return SourceFile(name, holds, optional, folders=("data",), versions=versions)


IMPORTER = Importer(
    read,
    citation="xu2019",
    origin="https://github.com/chmxu/MS_LSTM, folder data",
    files=(
        _file(
            "train_dataset.txt",
            "number, TES, PCS and deductions of 400 training programs",
            size=7013,
            sha256="b95cbe65f7118556cc3e6b49b6dadd088d5ac6f4bd524dabbd0c963e431ee543",
        ),
        _file(
            "test_dataset.txt",
            "the same of 100 test programs",
            size=1740,
            sha256="7df4fa1501bb22a5d1c3f56a01131c8af84caea2053995843430fe46d220435b",
        ),
        _file("fs_dataset.csv", "totals, skaters, years and events", optional=True),
    ),
    options={"videos": "folder of 1.mp4, 2.mp4, ..."},
    counts={"videos": 500, **PARTS},
    videos="a zip file on Google Drive, linked at the same address; its size is not stated",
    tried="the real lists and table of MS_LSTM (skaters' names replaced)",
)

"""FS1000: figure skating programs of eight kinds, each with seven scores.

The scores are TES, PCS and the five components SS, TR, PE, CO, IN, in the columns score_tes to
score_in. score_pcs is the PCS divided by the program's factor, as the authors' own loader takes it;
pcs_factored holds what was printed. The score is TES + PCS with the factor; deductions are not in
the lists. Of ids such as 2018_Final_MF_Junhwan the year, competition, program (MF: men, free) and
skater are read. Papers report on val_..., which is the test part here. Where the newer lists
(fs1000_new) and the older ones (fs800) lie together, the newer are read.
"""

from __future__ import annotations

import re

from aqa.annotations.importing import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    VideoFolder,
)
from aqa.annotations.importing.cells import Cells, by_id, read_cells
from aqa.errors import AqaError, listed

COMPONENTS = ("ss", "tr", "pe", "co", "in")
_COLUMNS = ("id", "tes", "pcs", *COMPONENTS, "factor")
_ID = re.compile(r"(\d{4})_([^_]+)_([A-Z]{2})_(.+)")
# Well above what was ever given; a component goes from 0.25 to 10.
_HIGHEST, _HIGHEST_COMPONENT, _HIGHEST_FACTOR = 200, 10, 4
# Five components, each rounded to 0.01, times a factor of 2, and the rounding of the sum.
_ROUNDED = 0.06
_SHOWN = 3


def _lists(release: str) -> dict[str, SourceFile]:
    """The two lists of a release, by their part of the split."""
    return {
        "train": SourceFile(f"train_{release}.txt", "scores of the training programs", True),
        "test": SourceFile(f"val_{release}.txt", "the same of the others", True),
    }


NEWER, OLDER = _lists("fs1000_new"), _lists("fs800")


def read(request: Request) -> Imported:
    """Read both lists, of id, seven scores and factor, which have no header."""
    files = next((some for some in (NEWER, OLDER) if _is_there(some, request)), NEWER)
    videos = VideoFolder(request.videos)
    rows: dict[str, Row] = {}
    paths = {part: request.find(file.pattern) for part, file in files.items()}
    for part, path in paths.items():
        for name, cells in by_id(read_cells(path, _COLUMNS, has_header=False), "id").items():
            if name in rows:
                raise AqaError(f"{path}: program {name} is in train and in test")
            rows[name] = _row(cells, videos, part)
    ordered = [rows[name] for name in sorted(rows)]
    read_from = f"read from {listed(path.name for path in paths.values())}"
    return Imported(ordered, paths["train"], notes=[read_from, *_notes(ordered)])


def _is_there(files: dict[str, SourceFile], request: Request) -> bool:
    return any(request.find_all(file.pattern) for file in files.values())


def _row(cells: Cells, videos: VideoFolder, part: str) -> Row:
    name = cells.texts["id"]
    tes, pcs = cells.value("tes", 0, _HIGHEST), cells.value("pcs", 0, _HIGHEST)
    factor = cells.value("factor", 0.1, _HIGHEST_FACTOR)
    match = _ID.fullmatch(name)
    year, competition, program, skater = match.groups() if match else (None,) * 4
    return {
        "video_id": name,
        "path": videos.find(name),
        "score": round(tes + pcs, 2),
        "score_tes": tes,
        "score_pcs": round(pcs / factor, 4),
        **{f"score_{c}": cells.value(c, 0, _HIGHEST_COMPONENT) for c in COMPONENTS},
        "pcs_factored": pcs,
        "factor": factor,
        "action": "figure_skating",
        "type": program,
        "event": f"{competition} {year}" if match else None,
        "athlete": skater,
        PUBLISHED: part,
    }


def _notes(rows: list[Row]) -> list[str]:
    notes = ["score is TES + PCS with the factor, without deductions"]
    unnamed = [str(row["video_id"]) for row in rows if row["event"] is None]
    if unnamed:
        notes.append(
            f"{len(unnamed)} ids do not tell year, competition, program and skater: "
            f"{listed(unnamed, _SHOWN)}"
        )
    others = [str(row["video_id"]) for row in rows if not _adds_up(row)]
    if others:
        notes.append(
            f"{len(others)} PCS are not the sum of the five components times the factor: "
            f"{listed(others, _SHOWN)}"
        )
    return notes


def _adds_up(row: Row) -> bool:
    total = sum(float(str(row[f"score_{name}"])) for name in COMPONENTS)
    return abs(total * float(str(row["factor"])) - float(str(row["pcs_factored"]))) <= _ROUNDED


IMPORTER = Importer(
    read,
    citation="xia2023",
    origin="https://github.com/AndyFrancesco29/Audio-Visual-Figure-Skating, which links to Baidu "
    "Drive",
    files=(*NEWER.values(), *OLDER.values()),
    options={"videos": "folder of 2018_Final_MF_Junhwan.mp4, ..."},
    counts={"kinds of programs": 8, "scores": 2 + len(COMPONENTS)},
    videos="from the authors on request, by mail; more than 1000, their size is not stated",
    tried="no real file: it was written from the authors' and others' loaders, and never run on "
    "the real one",
)

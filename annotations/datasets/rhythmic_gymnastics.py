"""Rhythmic Gymnastics (RG): 1000 routines with ball, clubs, hoop or ribbon.

The score is the total, difficulty + execution - penalty. Panels mark the first two by what is
shown, so neither is known before: score_difficulty and score_execution. Scores of different
apparatus (the column action) are not compared: the splits ball, clubs, hoop and ribbon are the
published one, each of one apparatus.
"""

from __future__ import annotations

from aqa.annotations.columns import SPLIT_PREFIX
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

APPARATUS = ("ball", "clubs", "hoop", "ribbon")
PARTS = {"train": 800, "test": 200}
_COLUMNS = (
    *("Video_Name", "Difficulty_Score", "Execution_Score", "Total_Score"),
    *("Penalty", "Video_length"),
)
# Points: well above what was ever given, so that another table is not taken for this one.
_HIGHEST = 50


def read(request: Request) -> Imported:
    """Read both lists, which tabs and blanks separate in one file."""
    videos = VideoFolder(request.videos)
    rows: dict[str, Row] = {}
    for part, size in PARTS.items():
        path = request.find(f"{part}.txt")
        routines = by_id(read_cells(path, _COLUMNS, has_header=True), "Video_Name")
        expect_count(path, len(routines), size, f"{part} routines")
        for name, cells in routines.items():
            if name in rows:
                raise AqaError(f"{path}: routine {name} is in train and in test")
            rows[name] = _row(cells, videos, part)
    for apparatus in APPARATUS:
        n = sum(row["action"] == apparatus for row in rows.values())
        expect_count(path, n, sum(PARTS.values()) // len(APPARATUS), f"routines with {apparatus}")
    notes = ["score is difficulty + execution - penalty; each apparatus has a split of its own"]
    return Imported([rows[name] for name in sorted(rows)], path, notes=notes)


def _row(cells: Cells, videos: VideoFolder, part: str) -> Row:
    name = cells.texts["Video_Name"]
    apparatus = name.partition("_")[0].lower()
    if apparatus not in APPARATUS:
        raise cells.problem("Video_Name", f"named after {listed(APPARATUS)}")
    difficulty, execution, total, penalty = (
        cells.value(column, 0, _HIGHEST)
        for column in ("Difficulty_Score", "Execution_Score", "Total_Score", "Penalty")
    )
    if abs(difficulty + execution - penalty - total) > 0.011:
        raise cells.problem("Total_Score", f"{difficulty:g} + {execution:g} - {penalty:g}")
    splits = {f"{SPLIT_PREFIX}{a}": part if a == apparatus else None for a in APPARATUS}
    return {
        "video_id": name,
        "path": videos.find(name),
        "score": total,
        "score_difficulty": difficulty,
        "score_execution": execution,
        "penalty": penalty,
        "seconds": cells.value("Video_length", 0),
        "action": apparatus,
        PUBLISHED: part,
        **splits,
    }


IMPORTER = Importer(
    read,
    citation="zeng2020",
    origin="https://github.com/qinghuannn/ACTION-NET",
    files=(
        SourceFile(
            "train.txt",
            "scores of 800 training routines",
            versions=(
                Version(27248, "1f54d40d6a3caaaaa86ea085d7f5d53498b86cda3222a8f3dc6887ee5bef17e7"),
            ),
        ),
        SourceFile(
            "test.txt",
            "scores of 200 test routines",
            versions=(
                Version(6852, "f56a103c365a1ab2f5f5d7f19e1cf1ffbf2f220f01b27c46ef39ed9dbb0d0bbb"),
            ),
        ),
    ),
    options={"videos": "folder of Ball_001.mp4, ..., Ribbon_250.mp4"},
    counts={"videos": 1000, **PARTS},
    videos="on OneDrive, linked at the same address; the size is not stated",
    tried="the real train.txt and test.txt",
)

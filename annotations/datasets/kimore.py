"""KIMORE: five exercises for low back pain, with clinicians' scores from 0 to 50, as joints.

Read are tables as STGCN-rehab prepares them: rows are frames, columns x, y, z (metres) and the
tracking state of each of Kinect's 25 joints; the other file has one score per recording. Where it
has several, the rows are divided evenly among the recordings. Clinicians give primary outcomes and
control factors, whose sum the score is; the two stand only in the spreadsheets of the authors' own
release, which are not read. No split was published.
"""

from __future__ import annotations

import os
from pathlib import Path

from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.cells import read_cells
from aqa.annotations.importing.checks import check_size
from aqa.errors import AqaError

N_COLUMNS = 25 * 4
HIGHEST = 50
# Names of the two tables: in training folders, in the demonstration.
_JOINTS = {"Train_X.csv": "Train_Y.csv", "*input.csv": "*label.csv"}


def read(request: Request) -> Imported:
    """Read every pair of tables: of SOURCE itself, or of its folders, one per exercise."""
    rows: list[Row] = []
    for joints, labels in _pairs(request):
        n_frames, scores = _count_frames(joints), _scores(labels)
        if n_frames % len(scores):
            raise AqaError(
                f"{joints}: {n_frames} frames cannot be divided evenly among the {len(scores)} "
                f"recordings of {labels.name}"
            )
        rows += _rows(joints, n_frames // len(scores), scores)
    if len({row["video_id"] for row in rows}) < len(rows):
        raise AqaError(f"{request.sources[0]}: two folders have the same name; import one of them")
    return Imported(rows, Path(str(rows[0]["poses"])))


def _pairs(request: Request) -> list[tuple[Path, Path]]:
    pairs = []
    for joints, labels in _JOINTS.items():
        found = request.find_all(labels, f"*/{labels}")
        for path in request.find_all(joints, f"*/{joints}"):
            beside = [other for other in found if other.parent == path.parent]
            if len(beside) != 1:
                raise AqaError(f"{path}: {len(beside)} files {labels} with its scores beside it")
            pairs.append((path, beside[0]))
    if not pairs:
        request.find(*_JOINTS, *(f"*/{name}" for name in _JOINTS))  # says what is missing
    return pairs


def _count_frames(path: Path) -> int:
    """How many rows a table of joints has; `AqaError` where one is not as wide as it must be."""
    check_size(path)
    n = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            n += 1
            if line.count(b",") != N_COLUMNS - 1:
                raise AqaError(
                    f"{path}: row {number} has {line.count(b',') + 1} values, not {N_COLUMNS}: "
                    "x, y, z and tracking state of 25 joints"
                )
    if not n:
        raise AqaError(f"{path}: it is empty")
    return n


def _scores(path: Path) -> list[float]:
    rows = read_cells(path, ["score"], has_header=False)
    return [row.value("score", 0, HIGHEST) for row in rows]


def _rows(joints: Path, n_frames: int, scores: list[float]) -> list[Row]:
    exercise = joints.parent.name if joints.name in _JOINTS else None
    name = exercise or joints.stem
    rows: list[Row] = []
    for number, score in enumerate(scores):
        several = len(scores) > 1
        rows.append(
            {
                "video_id": f"{name}-{number + 1:03d}" if several else name,
                "path": None,
                "score": score,
                "start_frame": number * n_frames if several else None,
                "end_frame": (number + 1) * n_frames if several else None,
                "action": exercise,
                "poses": Path(os.path.abspath(joints)),
            }
        )
    return rows


IMPORTER = Importer(
    read,
    citation="capecci2019",
    origin="https://vrai.dii.univpm.it/content/kimore-dataset",
    files=(
        SourceFile("Train_X.csv", "joints: 100 columns, a row per frame", True, ("*",)),
        SourceFile("Train_Y.csv", "the clinical scores, one per recording", True, ("*",)),
        SourceFile("*input.csv", "joints, under the name that a demonstration has", True, ("*",)),
        SourceFile("*label.csv", "its scores", True, ("*",)),
    ),
    videos="at the same address; the size is not stated",
    tried="one real recording and its score, as in STGCN-rehab",
)

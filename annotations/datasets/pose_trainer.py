"""Pose Trainer: four exercises with dumb-bells, done well or badly, as OpenPose arrays.

The score is 1 where the file's name says good and 0 where it says bad. The exercises are filmed
from the side, so joints of the far side are never seen. No split was published. Any part of the
dataset can be imported.
"""

from __future__ import annotations

import re

from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.joint_files import joint_files

EXERCISES = {
    "bicep": "bicep_curl",
    "frontraise": "front_raise",
    "shoulderpress": "shoulder_press",
    "shouldershrug": "shoulder_shrug",
}
_NAME = re.compile(f"({'|'.join(EXERCISES)})_?(good|bad)_?([0-9]+)")


def read(request: Request) -> Imported:
    """Read labels from the names of the files of joints; the files themselves are not opened."""
    rows: list[Row] = []
    for path, match in joint_files(request, _NAME, "bicep_good_1").items():
        exercise, label, _ = match.groups()
        rows.append(
            {
                "video_id": path.stem,
                "path": None,
                "score": 1 if label == "good" else 0,
                "action": EXERCISES[exercise],
                "poses": path,
            }
        )
    good = sum(row["score"] == 1 for row in rows)
    notes = [f"{good} good (score 1), {len(rows) - good} bad (score 0)"]
    return Imported(rows, next(iter(request.sources)), notes=notes)


IMPORTER = Importer(
    read,
    citation="chen2020",
    origin="https://github.com/stevenzchen/pose-trainer",
    files=(SourceFile("*.npy", "joints of one video, (frames, 18, 3); bicep_good_1, ..."),),
    counts={"exercises": 4},
    videos="not known",
    tried="23 real arrays of four exercises",
)

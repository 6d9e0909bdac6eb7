"""UI-PRMD: ten physiotherapy movements, done well and badly on purpose, as joints.

The score is 1 where a movement was done correctly and 0 where not, as the files' names say (_inc).
The joints are x, y and z, not x, y and confidence. No split was published: keep the ten subjects
apart with `aqa split grouped-kfold`. Any part of the dataset can be imported.
"""

from __future__ import annotations

import re

from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.joint_files import joint_files
from aqa.errors import AqaError

# vakanski2018 Table 1: the movements by their numbers in the files' names.
MOVEMENTS = (
    "deep_squat",
    "hurdle_step",
    "inline_lunge",
    "side_lunge",
    "sit_to_stand",
    "active_straight_leg_raise",
    "shoulder_abduction",
    "shoulder_extension",
    "shoulder_rotation",
    "shoulder_scaption",
)
_NAME = re.compile(r"m(\d\d)_s(\d\d)_e(\d\d)(?:_positions)?(_inc)?")


def read(request: Request) -> Imported:
    """Read labels from the names of the files of joints; the files themselves are not opened."""
    rows: list[Row] = []
    for path, match in joint_files(request, _NAME, "m01_s01_e01_inc").items():
        movement, subject, _, incorrect = match.groups()
        if int(movement) not in range(1, len(MOVEMENTS) + 1):
            raise AqaError(f"{path}: there is no movement {movement}; they are 1 to 10")
        rows.append(
            {
                "video_id": path.stem,
                "path": None,
                "score": 0 if incorrect else 1,
                "action": MOVEMENTS[int(movement) - 1],
                "athlete": f"s{subject}",
                "poses": path,
            }
        )
    good = sum(row["score"] == 1 for row in rows)
    notes = [f"{good} done correctly (score 1), {len(rows) - good} incorrectly (score 0)"]
    subjects = {row["athlete"] for row in rows}
    if len(subjects) == 1:
        notes.append(f"all of one subject, {subjects.pop()}: no result here says more than that")
    return Imported(rows, next(iter(request.sources)), notes=notes)


IMPORTER = Importer(
    read,
    citation="vakanski2018",
    origin="https://www.webpages.uidaho.edu/ui-prmd/",
    files=(
        SourceFile("m??_s??_e??*", "joints of one repetition; _inc: done incorrectly; .npy, .txt"),
    ),
    counts={"movements": 10, "subjects": 10, "repetitions": 10},
    videos="none were published, joints only",
    tried="ten real recordings of one subject, as .npy",
)

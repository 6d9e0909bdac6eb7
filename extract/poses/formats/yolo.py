"""Labels of Ultralytics' pose models: a folder of a text file per frame, a line per person.

A line is class, middle and size of the box, x, y (and visibility) of each joint, and where they
were asked for the person's confidence and track; places are fractions of the picture's width and
height. `predict(save_txt=True)` names the files of a video by its frames, from 1, and writes none
for a frame without people.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aqa.extract.poses.names import RECORDS
from aqa.extract.poses.people import Person, frame_number, of_people
from aqa.extract.poses.poses import PoseError, Poses, ReadingRules
from aqa.extract.poses.text import read_text
from aqa.extract.video.numbered import is_numbered, numbered_files

_BOX = 5
# Joints of COCO's body x 2 or 3 numbers are told before any other count is guessed.
_COCO = {17 * 3 + more: (17, 3, more) for more in range(3)} | {
    17 * 2 + more: (17, 2, more) for more in range(3)
}


def read_yolo(folder: Path, n_frames: int | None, rules: ReadingRules) -> Poses:
    """Read the labels of one video, in a folder or in `labels` inside it, or `labels/v1_*.txt`."""
    first = 1 if rules.first_frame is None else rules.first_frame
    numbers: dict[int, Path] = {}
    people: list[Person] = []
    for file in label_files(folder):
        number = frame_number(file.name, folder)
        if number in numbers:
            raise PoseError(
                f"{folder}: {numbers[number].name} and {file.name} have the same number; give a "
                "folder per video, or the videos the names that the files begin with"
            )
        numbers[number] = file
        people += [
            _person(file, number, line.split())
            for line in read_text(file).splitlines()
            if line.strip()
        ]
    if 0 in numbers and rules.first_frame is None:
        first = 0
    return of_people(people, folder, n_frames, first, RECORDS)


def yolo_frames(folder: Path) -> set[int]:
    """The numbers of the frames that have a label; empty where the folder has none."""
    return {frame_number(file.name, folder) for file in label_files(folder)}


def label_files(folder: Path) -> list[Path]:
    """The labels of the video's frames."""
    if is_numbered(folder):
        return numbered_files(folder)
    place = folder / "labels" if (folder / "labels").is_dir() else folder
    return sorted(place.glob("*.txt"))


def _person(file: Path, frame: int, cells: list[str]) -> Person:
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        raise PoseError(f"{file}: not a label of a pose: something in it is no number") from None
    n = len(numbers) - _BOX
    if n < 6:
        raise PoseError(
            f"{file}: a line of {len(cells)} numbers, which is a box without joints; predict with "
            "a pose model"
        )
    count, width, more = _COCO.get(n, (n // 3, 3, n % 3))
    joints = numbers[_BOX : _BOX + count * width].reshape(count, width)
    if width == 2:
        joints = np.concatenate([joints, np.ones((count, 1))], axis=1)
    # A joint below the model's threshold is written as 0, 0.
    joints[(joints[:, :2] == 0).all(axis=1), 2] = 0
    rest = numbers[_BOX + count * width :]
    area = float(numbers[3] * numbers[4])
    score = float(rest[0]) if more == 2 or (more and 0 < rest[0] < 1) else area
    track = float(rest[-1]) if more == 2 or (more and rest[0] >= 1) else None
    return Person(frame, joints, score, track)

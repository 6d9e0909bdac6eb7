"""Joints in a table with names of columns, as MediaPipe's users and many apps write them.

Wide, a row per frame: `nose_x, nose_y, nose_z, nose_visibility`, `x1, y1, z1, v1`, or
`landmark_0_x`. Long, a row per frame and joint: `frame, landmark, x, y, z, visibility`. A column
`frame` numbers the frames; those left out have nobody on them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from aqa.errors import listed
from aqa.extract.poses.formats.arrays import from_array
from aqa.extract.poses.poses import Array, PoseError, Poses, ReadingRules, nobody
from aqa.extract.poses.text import numbers
from aqa.features.body import plain

_KINDS = {
    "x": "x",
    "y": "y",
    "z": "z",
    **dict.fromkeys(("v", "c", "visibility", "confidence", "conf", "score", "likelihood"), "c"),
}
_FRAME = ("frame", "frame number", "frame id", "frame no", "frame index", "frame num")
_JOINT = ("landmark name", "landmark", "joint", "keypoint", "name", "bodypart", "landmark id", "id")
_MOST_FRAMES = 10_000_000


def read_columns(path: Path, rows: list[list[str]], rules: ReadingRules) -> Poses:
    """The joints of a table whose first row names its columns."""
    header, body = [plain(cell) for cell in rows[0]], rows[1:]
    if not body:
        raise PoseError(f"{path}: a row of names and no other")
    wide = [row for row in body if len(row) != len(header)]
    if wide:
        raise PoseError(f"{path}: a row of {len(wide[0])} columns, the first has {len(header)}")
    if {"x", "y"} <= set(header) and any(name in header for name in _JOINT):
        body, header, names = _from_long(path, header, body)
    else:
        names = list(dict.fromkeys(place[0] for place in map(_place, header) if place))
    joints = _joints(path, header, body, names)
    numbered = all(name.isdecimal() for name in names)
    rows_of = _frames(path, header, body, rules)
    if rows_of is not None:
        joints = _on_frames(path, joints, rows_of)
    told = None if numbered else tuple(re.sub("^(pose|landmark) ", "", name) for name in names)
    return from_array(path, joints, told, rules)


def column_frames(path: Path, rows: list[list[str]]) -> set[int]:
    """The numbers in the column of frames; empty where there is none."""
    header = [plain(cell) for cell in rows[0]]
    column = next((header.index(name) for name in _FRAME if name in header), None)
    if column is None:
        return set()
    told = numbers(path, [row[column : column + 1] for row in rows[1:]], 2)
    return {int(number) for number in told.ravel() if np.isfinite(number)}


def _place(column: str) -> tuple[str, str] | None:
    """Joint and kind of number of a column: `nose x`, `x1` and `landmark 0 x` are ones."""
    words = column.split()
    if len(words) > 1 and words[-1] in _KINDS:
        joint = words[:-1]
        if joint[0] in ("landmark", "joint", "keypoint", "kp", "point") and len(joint) == 2:
            joint = joint[1:]
        return " ".join(joint), _KINDS[words[-1]]
    match = re.fullmatch(r"([xyzvc]) ?([0-9]{1,4})", column)
    return (match[2], _KINDS[match[1]]) if match else None


def _joints(
    path: Path, header: Sequence[str], body: list[list[str]], names: Sequence[str]
) -> Array:
    """(rows, joints, 2 to 4) of the columns of the joints."""
    places = {place: i for i, column in enumerate(header) if (place := _place(column))}
    kinds = [kind for kind in "xyzc" if any(place[1] == kind for place in places)]
    if kinds[:2] != ["x", "y"] or not names:
        raise PoseError(
            f"{path}: no columns of joints, such as nose_x, nose_y or x1, y1, among "
            f"{listed(header)}"
        )
    missing = [f"{name}_{kind}" for name in names for kind in kinds if (name, kind) not in places]
    if missing:
        raise PoseError(f"{path}: no column for {listed(missing)}")
    wanted = [places[name, kind] for name in names for kind in kinds]
    chosen = numbers(path, [[row[i] for i in wanted] for row in body], 2)
    joints = chosen.reshape(len(body), len(names), len(kinds))
    if kinds == ["x", "y", "c"] and rules_problem(joints):
        raise PoseError(f"{path}: a confidence that is not 0 to 1")
    return joints


def rules_problem(joints: Array) -> bool:
    """Whether the confidences of (frames, joints, 3) are not 0 to 1."""
    third = joints[..., 2][np.isfinite(joints[..., 2])]
    return bool(third.size and (third.min() < 0 or third.max() > 1))


def _from_long(
    path: Path, header: list[str], body: list[list[str]]
) -> tuple[list[list[str]], list[str], list[str]]:
    """The same table with a row per frame; the names of its joints, in their order."""
    joint = header.index(next(name for name in _JOINT if name in header))
    frame = next((header.index(name) for name in _FRAME if name in header), None)
    if frame is None:
        raise PoseError(f"{path}: a row per joint, and no column frame")
    kinds = [i for i, column in enumerate(header) if column in _KINDS]
    names = list(dict.fromkeys(plain(row[joint]) for row in body))
    frames: dict[str, dict[str, list[str]]] = {}
    for row in body:
        at = frames.setdefault(row[frame], {})
        if plain(row[joint]) in at:
            raise PoseError(f"{path}: frame {row[frame]} has two rows of {row[joint]}")
        at[plain(row[joint])] = [row[i] for i in kinds]
    empty = [""] * len(kinds)
    wide = [
        [number, *(cell for name in names for cell in at.get(name, empty))]
        for number, at in frames.items()
    ]
    columns = [f"{name} {header[i]}" for name in names for i in kinds]
    return wide, ["frame", *columns], names


def _frames(
    path: Path, header: Sequence[str], body: list[list[str]], rules: ReadingRules
) -> list[int] | None:
    """The frame of each row, from 0; None where the rows are the frames."""
    column = next((header.index(name) for name in _FRAME if name in header), None)
    if column is None:
        return None
    told = numbers(path, [[row[column]] for row in body], 2)[:, 0]
    if not np.isfinite(told).all() or (told != np.floor(told)).any():
        raise PoseError(f"{path}: a frame without a whole number")
    first = rules.first_frame
    if first is None:
        first = 1 if told.min() == 1 else 0
    rows = (told - first).astype(np.int64).tolist()
    if min(rows) < 0 or max(rows) > _MOST_FRAMES or max(rows) >= 1000 * len(rows):
        raise PoseError(f"{path}: frames {told.min():g} to {told.max():g} in {len(rows)} rows")
    if len(set(rows)) < len(rows):
        raise PoseError(f"{path}: a frame with two rows; give a file of one body")
    return rows


def _on_frames(path: Path, joints: Array, rows: list[int]) -> Array:
    """The joints in the order of the frames, NaN on those without a row."""
    ordered = nobody(path, max(rows) + 1, *joints.shape[1:])
    ordered[rows] = joints
    return ordered

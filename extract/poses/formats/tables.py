"""Joints in a table without names of columns: a row per frame, the joints' numbers in a row.

Kinect's (KIMORE, and what its SDK writes) have 100 columns: x, y, z in metres and tracking state
(0 not tracked, 1 inferred, 2 tracked) of 25 joints; other tables take --joints-format.
"""

from __future__ import annotations

from pathlib import Path

from aqa.extract.poses.formats.arrays import from_array
from aqa.extract.poses.poses import PoseError, Poses, ReadingRules
from aqa.extract.poses.text import numbers

_PER_JOINT = {"xy": 2, "xyc": 3, "xyz": 3}
_KINECT = 100


def read_table(path: Path, rows: list[list[str]], rules: ReadingRules) -> Poses:
    """The joints of the rows of numbers of a table."""
    table = numbers(path, rows)
    width = table.shape[1]
    per_joint = 4 if width == _KINECT else _PER_JOINT.get(rules.layout, 0)
    if not per_joint:
        raise PoseError(
            f"{path}: {width} columns without names; say what a joint's numbers are, as "
            "--joints-format xyz, xyc (x, y, confidence) or xy"
        )
    if width % per_joint:
        raise PoseError(f"{path}: {width} columns are not {per_joint} for each joint")
    return from_array(path, table.reshape(len(table), -1, per_joint), None, rules)

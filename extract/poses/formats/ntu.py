"""NTU RGB+D's `.skeleton`: text of numbers, bodies of 25 Kinect joints on each frame.

The number of frames; for each the number of bodies; for each its id, six whole numbers, two of its
lean, a tracking state and the number of joints; for each joint x, y, z in metres, places in the
depth and colour pictures, an orientation, and a tracking state: 12 numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aqa.extract.poses.names import KINECT
from aqa.extract.poses.people import Person, one_body
from aqa.extract.poses.poses import PoseError, Poses, ReadingRules
from aqa.extract.poses.text import read_text

_OF_BODY, _OF_JOINT = 10, 12


def read_ntu(path: Path, rules: ReadingRules) -> Poses:
    """The body of which most joints are tracked on the most frames."""
    tokens = iter(read_text(path).split())
    try:
        n_frames = _count(tokens)
        people = [
            _person(frame, tokens) for frame in range(n_frames) for _ in range(_count(tokens))
        ]
    except (StopIteration, ValueError, OverflowError, RuntimeError):
        raise PoseError(f"{path}: not a whole .skeleton of NTU RGB+D with 25 joints") from None
    if next(tokens, None) is not None:
        raise PoseError(f"{path}: more numbers than {n_frames} frames have")
    joints = one_body(people, path, 0, n_frames)
    return Poses(joints[..., :2] if rules.layout in ("xy", "xyc") else joints, KINECT)


def _count(tokens: Iterator[str]) -> int:
    count = int(next(tokens))
    if not 0 <= count < 1 << 31:
        raise ValueError("no count")
    return count


def _person(frame: int, tokens: Iterator[str]) -> Person:
    head = [next(tokens) for _ in range(_OF_BODY)]
    if _count(tokens) != len(KINECT):
        raise ValueError("not 25 joints")
    flat = [float(next(tokens)) for _ in range(len(KINECT) * _OF_JOINT)]
    joints = np.array(flat).reshape(len(KINECT), _OF_JOINT)
    return Person(frame, joints[:, [0, 1, 2, 11]], float(joints[:, 11].sum()), float(int(head[0])))

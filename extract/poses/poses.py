"""The joints of one body, how files of them are to be read, and which values are missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError

Array = NDArray[np.float64]
# What the numbers of a joint are: x, y; x, y, confidence; x, y, z. auto: told by their values.
Layout = Literal["auto", "xy", "xyc", "xyz"]
# Confidences of OpenPose exceed 1 by a few hundredths: its peaks are interpolated.
MOST_CONFIDENT = 1.1
_STATES = (0.0, 1.0, 2.0)
# Of one video: three hours of 33 landmarks of 4 numbers at 30 frames per second are fewer.
MOST_NUMBERS = 64 << 20

NO_JOINTS = (
    "no joints: fill the manifest's column poses, or give --poses; `aqa poses` estimates them"
)


class PoseError(AqaError):
    """Joints that cannot be read or used; names the file and what is wrong with it."""


class Poses(NamedTuple):
    """The joints of one body on the frames of a video.

    joints: (frames, joints, 2 or 3), x to the right and y down in pixels, or x, y, z as the file
    has them; NaN where missing. names: one per joint.
    """

    joints: Array
    names: tuple[str, ...]


@dataclass(frozen=True)
class ReadingRules:
    """What a file does not tell by itself, and is the same for all files of a data set.

    layout: what the numbers of a joint are. first_frame: the number of a video's first frame,
    0 or 1; None: told by each file.
    """

    layout: Layout = "auto"
    first_frame: int | None = None


TOLD_BY_FILE = ReadingRules()


def holds_depth(joints: Array) -> bool:
    """Whether the third number of (frames, joints, 3) is no confidence, which is 0 to 1."""
    third = joints[..., 2][np.isfinite(joints[..., 2])]
    return bool(third.size and (third.min() < 0 or third.max() > MOST_CONFIDENT))


def positions(joints: Array, layout: Layout) -> Array:
    """(frames, joints, 2 to 5) as (frames, joints, 2 or 3), NaN where the joint is missing.

    Three numbers are x, y and confidence or z, by the layout or their values; four are x, y, z and
    confidence or Kinect's tracking state (0: not tracked); a fifth (MediaPipe's presence) is left
    out.
    """
    width = joints.shape[2]
    if width == 2 or (width == 3 and layout == "xy"):
        return seen_only(joints[..., :2], np.ones(joints.shape[:2]))
    if width == 3:
        three = layout == "xyz" or (layout == "auto" and holds_depth(joints))
        if three:
            return seen_only(joints, np.ones(joints.shape[:2]))
        return seen_only(joints[..., :2], joints[..., 2])
    n = 2 if layout in ("xy", "xyc") else 3
    return seen_only(joints[..., :n], joints[..., 3])


def fourth_problem(joints: Array) -> str | None:
    """What is wrong with the fourth number of (frames, joints, 4 or 5), if anything is."""
    fourth = joints[..., 3][np.isfinite(joints[..., 3])]
    if np.isin(fourth, _STATES).all() or (fourth.min() >= 0 and fourth.max() <= MOST_CONFIDENT):
        return None
    return (
        f"the fourth number of a joint is {fourth.min():g} to {fourth.max():g}; expected Kinect's "
        "tracking state (0, 1, 2) or a confidence of 0 to 1"
    )


def nobody(path: Path, *shape: int) -> Array:
    """NaN for all places of frames without anybody, to be filled in.

    `PoseError` for so many numbers as no video has: a few lines of a file can name late frames.
    """
    if math.prod(shape) > MOST_NUMBERS:
        raise PoseError(f"{path}: {shape[0]} frames of {shape[1]} joints, more than one video has")
    return np.full(shape, np.nan)


def seen_only(places: Array, confidence: Array) -> Array:
    """Places, NaN where one is not finite or has no confidence."""
    seen = np.isfinite(places).all(axis=2) & (confidence > 0)
    return np.where(seen[..., None], places, np.nan)

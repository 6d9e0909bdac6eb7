"""What a fitted head says of the joints of one video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.features.body import angle_of, are_fractions, degrees, plain, torso_length
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import example_of
from aqa.models.heads.base import Head

# Moves are told in this part of the torso's length: as far as a coach may ask for.
STEP = 0.1
# A pose that must change by more than this part of the torso's length for a point is not shown:
# so far off, nobody knows what the head would say.
FARTHEST = 0.2


@dataclass(frozen=True)
class JointAngle:
    """The angle that a joint's place changes, in degrees as seen in the picture, 0 to 180.

    at: the joint at its corner. before: as it is; after: where the joint is moved by `STEP`.
    """

    at: str
    before: float
    after: float


@dataclass(frozen=True)
class JointMove:
    """The frame on which moving one joint would raise the score most (pirsiavash2014 §3.3).

    joint: its name. frame: the number of the frame in the video file, and the same in seconds,
    None where the frame rate is not known. x, y: where the joint is, in pixels. right, down: points
    per pixel that it moves to the right and down. gain: points per pixel in the best direction.
    step_gain: points that a tenth of the torso's length in that direction gains, None where the
    torso is not known. angle: what that changes, None where it is not known.
    """

    joint: str
    frame: int
    seconds: float | None
    x: float
    y: float
    right: float
    down: float
    gain: float
    step_gain: float | None = None
    angle: JointAngle | None = None

    @property
    def direction(self) -> str:
        """Where to, as seen in the picture.

        >>> JointMove("head", 0, None, 0.0, 0.0, -1.0, 0.9, 1.35).direction
        'down and left'
        """
        across, along = abs(self.right), abs(self.down)
        parts = []
        if along > across * math.tan(math.pi / 8):
            parts.append("down" if self.down > 0 else "up")
        if across > along * math.tan(math.pi / 8):
            parts.append("right" if self.right > 0 else "left")
        return " and ".join(parts) or "nowhere"


@dataclass(frozen=True)
class PoseFeedback:
    """What is said of the joints of one video.

    moves: one per joint, the largest gain first. names: of the joints. joints: (frames, joints, 2),
    where they are, in pixels. gradient: the same shape, points per pixel. offset: the number of the
    first of these frames in the video file. torso: its length in pixels; None where the joints do
    not tell it. unit: what stands for a pixel; the picture's width and height, where joints are
    told as parts of a picture whose size nobody knows.
    """

    video: str
    meaning: str
    moves: list[JointMove]
    names: list[str]
    joints: NDArray[np.float32]
    gradient: NDArray[np.float64]
    offset: int
    torso: float | None = None
    unit: str = "pixel"

    @property
    def for_one_point(self) -> NDArray[np.float64]:
        """The smallest change of each pose that gains one point, (frames, joints, 2) in pixels.

        Of that frame alone, as far as the gradient says; NaN on frames where some joint would have
        to move by more than `FARTHEST` of the torso's length.
        """
        squares = (self.gradient**2).sum(axis=(1, 2), keepdims=True)  # (frames, 1, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = self.gradient / squares
        longest = np.linalg.norm(moved, axis=2).max(axis=1)
        body = np.ptp(self.joints, axis=1).max(axis=1) / 3 if self.torso is None else self.torso
        moved[~(longest <= FARTHEST * body)] = np.nan
        return moved


def give_pose_feedback(
    head: Head,
    video: Video,
    seen: VideoFeatures,
    names: Sequence[str],
    size: tuple[int, int] | None = None,
) -> PoseFeedback:
    """Say for each joint on which frame, and in which direction, moving it would gain most.

    names: of the joints, in the order of the features. size: width and height of the video's
    frames in pixels, for joints that are told as parts of these; None where not known.
    """
    example = example_of(video, seen.features, seen.clips, head.answer_columns)
    gradient = head.gradient(example)  # (frames, joints, 2)
    joints = seen.features.reshape(gradient.shape)
    unit, fractions = "pixel", are_fractions(joints)
    if fractions and size is not None:
        joints, gradient = (joints * size).astype(np.float32), gradient / size
    elif fractions:
        unit = "width, or height, of the picture"
    gains = np.linalg.norm(gradient, axis=2)  # (frames, joints)
    best_frames = gains.argmax(axis=0)
    order = np.argsort(-gains.max(axis=0), kind="stable")
    torso = None if unit != "pixel" else torso_length(joints, names)
    moves = [_joint_move(names, j, best_frames[j], seen, joints, gradient, torso) for j in order]
    meaning = f"points gained per {unit} that a joint moves"
    if torso is not None:
        meaning = "points gained where a joint moves by a tenth of the torso's length"
    return PoseFeedback(
        video.id, meaning, moves, list(names), joints, gradient, seen.offset, torso, unit
    )


def _joint_move(
    names: Sequence[str],
    joint: int,
    row: int,
    seen: VideoFeatures,
    joints: NDArray[np.float32],
    gradient: NDArray[np.float64],
    torso: float | None,
) -> JointMove:
    frame = int(seen.frames(row)[0])
    (x, y), (right, down) = joints[row, joint].tolist(), gradient[row, joint].tolist()
    gain = float(np.linalg.norm(gradient[row, joint]))
    step_gain, angle = None, None
    if torso is not None:
        step_gain = gain * STEP * torso
        moved = joints[row].astype(np.float64)
        if gain > 0:
            moved[joint] += gradient[row, joint] / gain * STEP * torso
        angle = _angle(names, joint, joints[row], moved)
    seconds = seen.seconds(frame)
    return JointMove(names[joint], frame, seconds, x, y, right, down, gain, step_gain, angle)


def _angle(
    names: Sequence[str],
    joint: int,
    body: NDArray[np.float32],
    moved: NDArray[np.float64],
) -> JointAngle | None:
    ends = angle_of(names[joint], names)
    if ends is None:
        return None
    before, after = degrees(ends, body), degrees(ends, moved)
    if math.isnan(before) or math.isnan(after):
        return None
    return JointAngle(plain(names[ends[1]]), before, after)

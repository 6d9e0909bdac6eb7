"""What a fitted head says of the joints of one video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import example_of
from aqa.models.heads.base import Head


@dataclass(frozen=True)
class JointMove:
    """The frame on which moving one joint would raise the score most (pirsiavash2014 §3.3).

    joint: its name. frame: the number of the frame in the video file, and the same in seconds,
    None where the frame rate is not known. x, y: where the joint is, in pixels. right, down: points
    per pixel that it moves to the right and down. gain: points per pixel in the best direction.
    """

    joint: str
    frame: int
    seconds: float | None
    x: float
    y: float
    right: float
    down: float
    gain: float


@dataclass(frozen=True)
class PoseFeedback:
    """What is said of the joints of one video.

    moves: one per joint, the largest gain first. names: of the joints. joints: (frames, joints, 2),
    where they are, in pixels. gradient: the same shape, points per pixel. offset: the number of the
    first of these frames in the video file.
    """

    video: str
    meaning: str
    moves: list[JointMove]
    names: list[str]
    joints: NDArray[np.float32]
    gradient: NDArray[np.float64]
    offset: int


def give_pose_feedback(
    head: Head, video: Video, seen: VideoFeatures, names: Sequence[str]
) -> PoseFeedback:
    """Say for each joint on which frame, and in which direction, moving it would gain most.

    names: of the joints, in the order of the features.
    """
    example = example_of(video, seen.features, seen.clips, head.answer_columns)
    gradient = head.gradient(example)  # (frames, joints, 2)
    joints = seen.features.reshape(gradient.shape)
    gains = np.linalg.norm(gradient, axis=2)  # (frames, joints)
    best_frames = gains.argmax(axis=0)
    order = np.argsort(-gains.max(axis=0), kind="stable")
    moves = [_joint_move(names[j], j, best_frames[j], seen, joints, gradient) for j in order]
    meaning = "points gained per pixel that a joint moves"
    return PoseFeedback(video.id, meaning, moves, list(names), joints, gradient, seen.offset)


def _joint_move(
    name: str,
    joint: int,
    row: int,
    seen: VideoFeatures,
    joints: NDArray[np.float32],
    gradient: NDArray[np.float64],
) -> JointMove:
    frame = int(seen.frames(row)[0])
    (x, y), (right, down) = joints[row, joint].tolist(), gradient[row, joint].tolist()
    gain = float(np.linalg.norm(gradient[row, joint]))
    return JointMove(name, frame, seen.seconds(frame), x, y, right, down, gain)

"""Joints smoothed over time, and how far each is to be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.extract.poses.estimation.blazepose import JOINTS, BodyPose
from aqa.extract.poses.estimation.regions import Points

_FARTHEST = 3.0  # frames that are looked at, in standard deviations
# A joint that lies so many lengths of the trunk from the line through those of the frames about it
# is believed 1/e as much; decided on drawn dives 1, 4, 5 and 6 (docs/poses.md).
_JUMP, _JUMP_FRAMES = 0.3, 1.5
_TRUNK = [
    [JOINTS.index(f"{side} {at}") for side in ("left", "right")] for at in ("shoulder", "hip")
]


def joined(bodies: Sequence[BodyPose | None]) -> NDArray[np.float64]:
    """(frames, joints, 3): x, y and confidence; NaN, NaN, 0 where nobody is."""
    joints = np.full((len(bodies), len(JOINTS), 3), np.nan)
    joints[..., 2] = 0
    for i, body in enumerate(bodies):
        if body is not None:
            joints[i, :, :2] = body.places
            joints[i, :, 2] = np.clip(body.confidence * body.score, 0, 1)
    return joints


def doubted(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """The joints (frames, joints, 3) with less confidence in those that jump to and fro.

    The network does not know that it has taken a leg for an arm; the frames about it do.
    """
    shoulders, hips = (joints[:, pair, :2].mean(axis=1) for pair in _TRUNK)
    lengths = np.linalg.norm(shoulders - hips, axis=1)
    if not np.isfinite(lengths).any():
        return joints
    trunk = max(float(np.nanmedian(lengths)), 1e-6)
    line = smoothed(joints, _JUMP_FRAMES)[..., :2]
    jump = np.nan_to_num(np.linalg.norm(joints[..., :2] - line, axis=2))
    result = joints.copy()
    result[..., 2] *= np.exp(-jump / (_JUMP * trunk))
    return result


def smoothed(joints: NDArray[np.float64], frames: float) -> NDArray[np.float64]:
    """The joints (frames, joints, 3) on the line that fits best through those around each.

    Those count by their confidence and by how near they are in time. frames: standard deviation of
    that weight; 0 leaves everything as it is. Frames without anybody stay so, and nothing is
    smoothed across them.
    """
    if frames <= 0:
        return joints
    there = np.isfinite(joints[:, 0, 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(int)))
    result = joints.copy()
    for start, stop in edges.reshape(-1, 2).tolist():
        result[start:stop, :, :2] = _fitted(joints[start:stop], frames)
    return result


def _fitted(joints: NDArray[np.float64], frames: float) -> Points:
    """(n, joints, 2) of lines fitted by weighted least squares about each of n frames."""
    times = np.arange(len(joints))
    places = np.empty_like(joints[..., :2])
    for i in range(len(joints)):
        offset = times - i
        near = np.abs(offset) <= np.ceil(_FARTHEST * frames)
        shift = offset[near, None].astype(np.float64)
        weight = np.exp(-0.5 * (shift / frames) ** 2) * (joints[near, :, 2] + 1e-3)
        total = weight.sum(axis=0)
        mean = (weight * shift).sum(axis=0) / total
        spread = (weight * (shift - mean) ** 2).sum(axis=0)
        for axis in range(2):
            value = joints[near, :, axis]
            middle = (weight * value).sum(axis=0) / total
            slope = (weight * (shift - mean) * value).sum(axis=0) / np.maximum(spread, 1e-9)
            places[i, :, axis] = middle - slope * mean
    return places

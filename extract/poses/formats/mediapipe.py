"""MediaPipe's landmarks in JSON: a list of frames, each of 33 landmarks with x, y, z, visibility.

A frame is a list of landmarks, or an object that has one under one of several names; the landmarks
may lie in a list of people, of whom the first is taken. A frame without anybody is an empty list
or null.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aqa.extract.poses.formats.arrays import from_array
from aqa.extract.poses.names import MEDIAPIPE
from aqa.extract.poses.poses import PoseError, Poses, ReadingRules

# Places in the picture come before those in metres, as x and y of the first are in the picture.
_KEYS = ("landmarks", "pose_landmarks", "poseLandmarks", "landmark")
_WORLD = ("world_landmarks", "pose_world_landmarks", "poseWorldLandmarks", "worldLandmarks")
_NUMBERS = ("x", "y", "z", "visibility")


def frames_of(content: Any) -> list[Any] | None:
    """The frames of a JSON value of MediaPipe's landmarks; None for any other value."""
    if isinstance(content, dict) and isinstance(content.get("frames"), list):
        content = content["frames"]
    if not isinstance(content, list) or not content:
        return None
    shown = [frame for frame in content if frame]
    if not shown or not all(isinstance(frame, dict | list) for frame in shown):
        return None
    fits = all(isinstance(frame, list) or set(_KEYS + _WORLD) & set(frame) for frame in shown)
    return content if fits else None


def read_mediapipe(path: Path, frames: list[Any], rules: ReadingRules) -> Poses:
    """The joints of the frames; world landmarks where there are no others."""
    try:
        bodies = [_landmarks(frame) for frame in frames]
        shown = [body for body in bodies if body]
        counts = {len(body) for body in shown}
        if counts != {len(MEDIAPIPE)}:
            raise PoseError(
                f"{path}: {', '.join(map(str, sorted(counts)))} landmarks per frame, expected 33"
            )
        width = 4 if "visibility" in shown[0][0] else 3
        joints = np.full((len(bodies), len(MEDIAPIPE), width), np.nan)
        for i, body in enumerate(bodies):
            if body:
                joints[i] = [[float(point[key]) for key in _NUMBERS[:width]] for point in body]
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError):
        raise PoseError(f"{path}: a landmark without x, y, z (and visibility)") from None
    if width == 3 and rules.layout != "xy":
        rules = ReadingRules("xyz")
    return from_array(path, joints, MEDIAPIPE, rules)


def _landmarks(frame: Any) -> list[Any]:
    """The landmarks of the first body of a frame; empty where nobody is on it."""
    for key in (*_KEYS, *_WORLD):
        if isinstance(frame, Mapping) and key in frame:
            return _landmarks(frame[key])
    if not isinstance(frame, list) or not frame:
        return []
    return frame if isinstance(frame[0], Mapping) and "x" in frame[0] else _landmarks(frame[0])

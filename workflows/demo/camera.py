"""The camera that follows the diver: late, drifting and trembling a little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aqa.workflows.demo.diver import Array

WIDTH, HEIGHT = 320, 240

_LOWEST = 0.75  # metres above the water below which the camera does not look


@dataclass(frozen=True)
class Handling:
    """How a camera is handled.

    view: height of the image in metres. lag: frames by which it follows late. drift, tremble:
    amplitudes in metres. phases: of the four motions, radians.
    """

    view: float
    lag: float
    drift: float
    tremble: float
    phases: tuple[float, float, float, float]


class CameraView(NamedTuple):
    """Where the camera looks on one frame: the centre in metres and pixels per metre."""

    x: float
    y: float
    scale: float

    def pixels(self, points: Array) -> Array:
        """World points `(..., 2)` in metres as points of the image in pixels, from the top left."""
        middle = np.array([WIDTH / 2.0, HEIGHT / 2.0])
        away = points - np.array([self.x, self.y])
        pixels: Array = middle + away * np.array([self.scale, -self.scale])
        return pixels

    def row(self, y: float) -> float:
        """The row of pixels of a height above the water."""
        return HEIGHT / 2.0 - (y - self.y) * self.scale


def follow(centres: Array, handling: Handling, fps: float) -> list[CameraView]:
    """The views on every frame of a camera that follows `centres` `(n_frames, 2)`."""
    aim = np.stack([centres[:, 0] + 0.15, np.maximum(centres[:, 1], _LOWEST)], axis=-1)
    path = _late(aim, handling.lag)
    seconds = np.arange(len(path)) / fps
    slow = np.array([0.31, 0.23]) * 2.0 * np.pi * seconds[:, None] + handling.phases[:2]
    fast = np.array([2.3, 3.1]) * 2.0 * np.pi * seconds[:, None] + handling.phases[2:]
    path += handling.drift * np.sin(slow) + handling.tremble * np.sin(fast)
    zoom = 1.0 + 0.02 * np.sin(slow[:, 0] + 1.0)
    scale = HEIGHT / handling.view * zoom
    return [CameraView(float(x), float(y), float(s)) for (x, y), s in zip(path, scale, strict=True)]


def _late(aim: Array, lag: float) -> Array:
    """Follow with an exponential delay, as a hand on a pan handle does."""
    path = aim.copy()
    keep = np.exp(-1.0 / lag)
    for i in range(1, len(aim)):
        path[i] = keep * path[i - 1] + (1.0 - keep) * aim[i]
    return path

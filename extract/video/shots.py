"""Where one shot of a video ends and another begins.

A frame is told by the colours in each of twelve parts of it. Two frames differ by how far these
colours would have to be moved to become the other's. At a cut, that is several times as much as
between any two frames just before and after it. So a fast camera is no cut, since every frame of it
differs, and no flash is one, since it begins and ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.extract.video.source import Frame

# Of what is looked at of a frame: rows and columns of parts, and of pixels in each of them.
_PARTS = (3, 4)
_PIXELS = 8
# A difference is 0 to 1; these were decided on the demo's drawn dives 1 to 16, those for training
# in its first split, alone and joined.
_LEAST, _TIMES = 0.04, 3.0
_NEAR = 3  # frames before and after a cut that must be of one shot each

Colours = NDArray[np.uint16]


class Shown(NamedTuple):
    """A frame, and whether a shot begins with it."""

    frame: Frame
    first: bool


def colours_of(frame: Frame) -> Colours:
    """The values (parts * 3, 64) of pixels in parts of a frame, in order of size; 0 to 255."""
    values = frame.reshape(-1)[_places(*frame.shape[:2])].astype(np.uint16)
    values.sort(axis=1)  # NumPy sorts 16 bits three times as fast as 8
    return values


@lru_cache(maxsize=8)
def _places(height: int, width: int) -> NDArray[np.intp]:
    """Where the pixels (parts * 3, 64) that are looked at lie in a frame that is laid out flat."""
    rows, columns = (np.arange(n * _PIXELS) for n in _PARTS)
    y, x = rows * height // len(rows), columns * width // len(columns)
    places = (y[:, None, None] * width + x[:, None]) * 3 + np.arange(3)
    parts = places.reshape(_PARTS[0], _PIXELS, _PARTS[1], _PIXELS, 3).transpose(0, 2, 4, 1, 3)
    return parts.reshape(-1, _PIXELS * _PIXELS)


def difference(one: Colours, other: Colours) -> float:
    """How far colours must be moved, on average; 0 to 1 (earth mover's distance, rubner2000)."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / (255 * one.size)


def with_cuts(frames: Iterable[Frame]) -> Iterator[Shown]:
    """The frames, each with whether it is the first of another shot than the one before.

    Each is given when the three after it have come. A shot of fewer frames than that is not told
    apart from a flash.
    """
    held: deque[Frame] = deque()
    steps: deque[float] = deque(maxlen=2 * _NEAR + 1)  # from a frame to the next, about the oldest
    before: Colours | None = None
    for frame in frames:
        colours = colours_of(frame)
        steps.append(0.0 if before is None else difference(before, colours))
        before = colours
        held.append(frame)
        if len(held) > _NEAR:
            yield Shown(held.popleft(), _is_cut(list(steps)))
    for frame in held:
        yield Shown(frame, False)


def _is_cut(steps: list[float]) -> bool:
    """Whether the last but three of these steps is so much longer than all others."""
    at = len(steps) - 1 - _NEAR
    others = max(steps[:at] + steps[at + 1 :])
    return steps[at] >= _LEAST and steps[at] >= _TIMES * others

"""White water where a diver went in, from how white the pixels of each frame are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.series import Series

# The part of the picture that is looked at, from where the body goes in, in body lengths: to both
# sides, above and below.
_ASIDE, _ABOVE, _BELOW = 1.4, 1.2, 0.4
# Seconds since the entry: the camera has come to rest, and the water has fallen.
_RESTS, _FALLEN = 0.1, 0.85


@dataclass(frozen=True)
class WhiteFrames:
    """How white each part of a small picture is.

    shares: uint8 (frames, rows, columns), 255 where all pixels are white. scale: pixels of the
    video for one of these, to both sides.
    """

    shares: NDArray[np.uint8]
    scale: float


def splash_series(white: WhiteFrames, body: BodyJoints, entry: int, fps: float) -> Series:
    """White area on the frames after the entry, in squares of a body length; NaN on others.

    What is white on all frames of that time, such as the edge of the pool, is left out, and so is
    what is white beside it, as cameras tremble. Confidence: of the joint that is lowest at the
    entry, which tells the place; where that is outside the picture, all is NaN.
    """
    areas = np.full(len(body), np.nan)
    unit = body.length / white.scale
    x, y, sure = _lowest(body, entry)
    x, y = x / white.scale, y / white.scale
    told = Series(areas, np.full(len(body), sure))
    first, last = entry + round(_RESTS * fps), entry + round(_FALLEN * fps)
    shares = white.shares[first : last + 1]
    if not len(shares) or not np.isfinite([x, y, unit]).all():
        return told
    rows, columns = shares.shape[1:]
    across = slice(max(round(x - _ASIDE * unit), 0), max(min(round(x + _ASIDE * unit), columns), 0))
    down = slice(max(round(y - _ABOVE * unit), 0), max(min(round(y + _BELOW * unit), rows), 0))
    still = _widened(shares.min(axis=0))
    new = np.where(shares > still, shares - still, 0)[:, down, across]
    if new.size:
        white_areas = new.sum(axis=(1, 2), dtype=np.float64) / 255.0
        areas[first : first + len(shares)] = white_areas / unit**2
    return told


def _lowest(body: BodyJoints, frame: int) -> tuple[float, float, float]:
    """x and y of the joint that is lowest in the picture on a frame (NaN: none), and confidence."""
    places = body.joints[frame]
    seen = np.flatnonzero(np.isfinite(places).all(axis=1))
    if not len(seen):
        return float("nan"), float("nan"), 0.0
    lowest = seen[places[seen, 1].argmax()]
    x, y = places[lowest]
    return float(x), float(y), float(body.confidence[frame, lowest])


def _widened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest of each part and its eight neighbours."""
    around = np.pad(picture, 1, mode="edge")
    rows, columns = picture.shape
    shifted = [around[i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    return np.max(shifted, axis=0)

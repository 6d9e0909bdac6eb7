"""Square parts of a picture, turned with the body in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.extract.video.source import Frame

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A square of a picture.

    x, y: its centre in pixels. size: its side in pixels. angle: how far the body in it is turned
    from upright, clockwise, in radians.
    """

    x: float
    y: float
    size: float
    angle: float = 0.0

    def crop(self, frame: Frame, side: int) -> Frame:
        """The square turned upright: (side, side, 3); black beyond the picture's edge."""
        matrix = self._to_picture(side)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(frame, matrix, (side, side), flags=flags), np.uint8)

    def place(self, points: Points) -> Points:
        """Points (n, 2) in fractions of the upright square, as pixels of the picture."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cos, -sin], [sin, cos]]) * self.size
        placed: Points = (points - 0.5) @ turn.T + [self.x, self.y]
        return placed

    def _to_picture(self, side: int) -> Points:
        """The matrix (2, 3) from pixels of the upright square to pixels of the picture."""
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        origin, right, down = self.place(corners)
        return np.stack([(right - origin) / side, (down - origin) / side, origin], axis=1)


def upright(centre: Points, top: Points, scale: float = 1.25) -> Region:
    """The region of a body with this centre, whose circle about it passes through `top`.

    The line from centre to top points up in the body. scale: how much wider than the circle, as
    BlazePose was trained (bazarevsky2020 §2.2).
    """
    x, y = (top - centre).tolist()
    size = 2 * math.hypot(x, y) * scale
    return Region(float(centre[0]), float(centre[1]), size, math.atan2(x, -y))

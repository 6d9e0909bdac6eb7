"""Which of the bodies that were found on the frames are one athlete: the likeliest path."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.extract.poses.estimation.blazepose import JOINTS, BodyPose
from aqa.extract.poses.estimation.regions import Points

_TRUNK = [JOINTS.index(f"{side} {at}") for at in ("shoulder", "hip") for side in ("left", "right")]
_LEAST_CHANCE = 1e-4
# Costs, in natural logarithms of chances, decided on drawn dives (docs/poses.md): of a body that
# the detector did not see, of one that stays where it is, of half a jump by the body's own size
# from frame to frame, and of coming and going.
_UNDETECTED, _UNMOVED = 0.3, 0.3
_JUMP, _MOST_JUMP = 2.0, 8.0
_COMES_OR_GOES = 2.0


class Candidate(NamedTuple):
    """A body that may be the athlete.

    detected: whether the detector saw it. centre: the middle of the trunk. moves: how much it moves
    by itself, of the most that anything does, 0 to 1; 1 where nothing tells.
    """

    body: BodyPose
    detected: bool
    centre: Points
    moves: float

    @classmethod
    def of(
        cls, body: BodyPose, detected: bool, moved: NDArray[np.float32] | None, scale: float
    ) -> Candidate:
        """moved: see `motion`; scale: of that picture, relative to the frame."""
        centre = body.places[_TRUNK].mean(axis=0)
        if moved is None:
            return cls(body, detected, centre, 1.0)
        x, y = (centre * scale).tolist()
        height, width = moved.shape
        inside = 0 <= x < width and 0 <= y < height
        here = float(moved[int(y), int(x)]) if inside else 0.0
        return cls(body, detected, centre, here / max(float(moved.max()), 1e-6))

    @property
    def size(self) -> float:
        """Of the region that the body fills, in pixels."""
        return self.body.next.size

    @property
    def cost(self) -> float:
        """How unlikely it is that this is the athlete."""
        unlikely = -math.log(max(self.body.score, _LEAST_CHANCE))
        return unlikely + _UNMOVED * (1 - self.moves) + _UNDETECTED * (not self.detected)


def likeliest(tried: Sequence[Sequence[Candidate]], least: float) -> list[BodyPose | None]:
    """The body on each frame, or None, so that the costs of all frames together are least.

    To see nobody on a frame costs as much as a body of the chance `least`. The way there is found
    frame by frame (forney1973).
    """
    nobody = -math.log(least)
    costs = [np.array([*(one.cost for one in frame), nobody]) for frame in tried]
    total = costs[0] if costs else np.zeros(1)
    came_from = []
    for before, frame, cost in zip(tried, tried[1:], costs[1:], strict=False):
        ways = total[:, None] + _steps(before, frame)
        came_from.append(ways.argmin(axis=0))
        total = ways.min(axis=0) + cost
    at = int(total.argmin())
    chosen = [at]
    for way in reversed(came_from):
        at = int(way[at])
        chosen.append(at)
    path = zip(tried, reversed(chosen), strict=False)
    return [frame[i].body if i < len(frame) else None for frame, i in path]


def _steps(before: Sequence[Candidate], frame: Sequence[Candidate]) -> NDArray[np.float64]:
    """The costs (n + 1, m + 1) from each body of a frame, or nobody, to each of the next."""
    costs = np.zeros((len(before) + 1, len(frame) + 1))
    costs[-1, :-1] = costs[:-1, -1] = _COMES_OR_GOES
    for i, one in enumerate(before):
        for j, other in enumerate(frame):
            size = max(min(one.size, other.size), 1e-6)
            jump = float(np.linalg.norm(one.centre - other.centre)) / size
            grows = abs(math.log(max(one.size, 1e-6) / max(other.size, 1e-6)))
            costs[i, j] = min(_JUMP * (2 * jump + grows), _MOST_JUMP)
    return costs

"""What BlazePose's detector says of a picture: bodies, each with a score, box and two points.

The network looks at grids of 28, 14 and 7 cells to a side, with 2, 2 and 6 answers per cell; each
answer is relative to the middle of its cell.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.extract.poses.estimation.regions import Points, Region, upright

SIDE = 224
"""Of the square picture that the detector takes, in pixels."""

_GRIDS = ((28, 2), (14, 2), (7, 6))
_MOST_OVERLAP = 0.3


class Detection(NamedTuple):
    """A body. score: 0 to 1. box: left, top, right, bottom. hips, top: see `upright`.

    All in pixels of the picture.
    """

    score: float
    box: Points
    hips: Points
    top: Points

    @property
    def region(self) -> Region:
        """Where the network for joints is to look."""
        return upright(self.hips, self.top)


@functools.cache
def cell_middles() -> Points:
    """The middles of the cells of all answers (2254, 2), in fractions of the picture."""
    grids = []
    for side, answers in _GRIDS:
        along = (np.arange(side) + 0.5) / side
        y, x = np.meshgrid(along, along, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), answers, axis=0))
    return np.concatenate(grids)


def decode(
    answers: NDArray[np.float32], logits: NDArray[np.float32], whole: Region, least: float
) -> list[Detection]:
    """The detections of at least the score `least`, best first, of each body one.

    answers: (2254, 12), in pixels of the square relative to the cell: x, y, width and height of the
    box, then four points, of which the first is the middle of the hips and the second tells size
    and direction of the body. logits: (2254,). whole: the region that the detector saw.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
    kept = np.flatnonzero(scores >= least)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    values = answers[kept].astype(np.float64) / SIDE
    middles = cell_middles()[kept]
    centres, halves = values[:, :2] + middles, values[:, 2:4] / 2
    boxes = np.concatenate([centres - halves, centres + halves], axis=1)
    hips, tops = values[:, 4:6] + middles, values[:, 6:8] + middles
    found = []
    for i in strongest(boxes, _MOST_OVERLAP):
        corners = whole.place(boxes[i].reshape(2, 2)).ravel()
        both = whole.place(np.stack([hips[i], tops[i]]))
        found.append(Detection(float(scores[kept[i]]), corners, both[0], both[1]))
    return found


def strongest(boxes: Points, most_overlap: float) -> list[int]:
    """Which boxes (n, 4), best first, overlap no better one by more than a share of both."""
    chosen: list[int] = []
    for i, box in enumerate(boxes):
        if all(overlap(box, boxes[j]) <= most_overlap for j in chosen):
            chosen.append(i)
    return chosen


def overlap(one: Points, other: Points) -> float:
    """The area that two boxes share, of the area that they cover together."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    covered = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])) - shared
    return shared / covered if covered > 0 else 0.0

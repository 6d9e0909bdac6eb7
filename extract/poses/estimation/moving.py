"""Finds an athlete whom a moving camera follows, such as a diver: turning, blurred, in a crowd.

On each frame several places are tried: where the detector sees somebody, where the best body of
the frame before went, and squares of two sizes, turned in four ways, about what moves by itself.
Which body is the athlete is told for all frames at once, see `path.py`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from aqa.extract.poses.estimation.blazepose import BlazePose, BodyPose
from aqa.extract.poses.estimation.motion import APART, View, motion, view_of
from aqa.extract.poses.estimation.path import Candidate, likeliest
from aqa.extract.poses.estimation.regions import Region
from aqa.extract.video.source import Frame

# Of the squares about what moves, in parts of the picture's long side: an athlete who fills a fifth
# and a third of it, with room for arms and legs.
_SIZES = (0.4, 0.65)
_TURNS = (0.0, math.pi / 2, math.pi, -math.pi / 2)
# Detections that are tried, and the score from which they are.
_MOST_DETECTED, _LEAST_DETECTED = 2, 0.3
# A body of such a score, where it moves so much of the most, is believed without trying squares.
_SURE, _MOVING = 0.9, 0.5
# Score of a body that is looked for on the next frame.
_FOLLOWED = 0.5


class _Moment(NamedTuple):
    frame: Frame
    view: View


def follow_moving(
    frames: Iterable[Frame], networks: BlazePose, least: float
) -> list[BodyPose | None]:
    """The athlete on each frame; None where nobody is. least: the score of a body that counts."""
    tried = []
    best: BodyPose | None = None
    for before, kept, after in _with_neighbours(frames):
        found = _candidates(before, kept, after, networks, best)
        best = max((one.body for one in found), key=lambda body: body.score, default=None)
        if best is not None and best.score < _FOLLOWED:
            best = None
        tried.append(found)
    return likeliest(tried, least)


def _with_neighbours(frames: Iterable[Frame]) -> Iterator[tuple[View | None, _Moment, View | None]]:
    """Each frame with the views of those `APART` before and after it; None beyond the ends."""
    window: deque[_Moment] = deque(maxlen=2 * APART + 1)
    for i, frame in enumerate(frames):
        window.append(_Moment(frame, view_of(frame)))
        if i >= APART:
            at = len(window) - 1 - APART
            yield window[at - APART].view if at >= APART else None, window[at], window[-1].view
    for at in range(max(len(window) - APART, 0), len(window)):
        yield window[at - APART].view if at >= APART else None, window[at], None


def _candidates(
    before: View | None,
    kept: _Moment,
    after: View | None,
    networks: BlazePose,
    last: BodyPose | None,
) -> list[Candidate]:
    """The bodies of a frame, with how much each moves."""
    frame, scale = kept.frame, kept.view.scale
    moved = motion(before, kept.view, after)

    def tried(region: Region, detected: bool = False) -> Candidate:
        return Candidate.of(networks.body(frame, region), detected, moved, scale)

    detections = networks.detect(frame, _LEAST_DETECTED)[:_MOST_DETECTED]
    found = [tried(one.region, True) for one in detections]
    found += [] if last is None else [tried(last.next)]
    if moved is None or any(one.body.score >= _SURE and one.moves >= _MOVING for one in found):
        return found
    y, x = np.unravel_index(int(moved.argmax()), moved.shape)
    squares = [
        Region(float(x) / scale, float(y) / scale, size * max(frame.shape[:2]), turn)
        for size in _SIZES
        for turn in _TURNS
    ]
    seen = [tried(square) for square in squares]
    # A square fits no body exactly: the body that is seen in it says where to look again.
    for one in sorted(seen, key=lambda one: -one.body.score)[:2]:
        found.append(one)
        if one.body.score >= _LEAST_DETECTED:
            found.append(tried(one.body.next))
    return found

"""Where the events of an action are: by the manifest's stages, or else by the joints.

legs-extend      the first frame after the deepest crouch on which the legs are straight, before
                 the trunk turns away from where it stood: the athlete leaves the board
last-seen        the last frame that shows the whole body: water hides a diver from there on
lowest           the frame on which the hips are lowest over the ankles
standing-before  the last frame before it on which they are at 9/10 of their way down, or
standing-after   the first one after it: the movement begins and ends there
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from aqa.features.aspects.body import Array, BodyJoints
from aqa.features.aspects.definition import AspectSet
from aqa.features.aspects.series import angle_at, direction_angles

_TURNED = 60.0  # degrees of the trunk off where it stood: the rotation has begun
_STRAIGHT = 25.0  # degrees of bend of a knee that pushes off
_STANDING = 0.1  # share of the way down at which a person counts as standing


def find_events(
    definition: AspectSet,
    body: BodyJoints,
    stages: Mapping[str, int],
) -> dict[str, int]:
    """Event -> its frame; those that cannot be told are left out.

    stages: name -> first frame.
    """
    found = {"start": 0, "end": len(body) - 1}
    for event in definition.events.values():
        frame = stages.get(event.stage)
        if frame is None and event.rule:
            frame = _RULES[event.rule](body)
        if frame is not None and 0 <= frame < len(body):
            found[event.name] = frame
    return found


def _legs_extend(body: BodyJoints) -> int | None:
    trunk, legs = direction_angles(body, "hips", "shoulders"), _knee_bend(body)
    if trunk is None or legs is None:
        return None
    stood = _stood(trunk)
    if stood is None:
        return None
    away = np.abs(np.angle(np.exp(1j * np.radians(trunk - stood)), deg=True)) > _TURNED
    if not away.any():
        return None
    turned = int(np.flatnonzero(away)[0])
    bends = legs[: turned + 1]
    if not np.isfinite(bends).any():
        return turned
    # The push comes after the deepest bend of the crouch.
    crouch = int(np.nanargmax(bends))
    straight = np.flatnonzero(bends[crouch:] < _STRAIGHT)
    return crouch + int(straight[0]) if len(straight) else turned


def _stood(trunk: Array) -> float | None:
    """How the trunk stands on the first sixth of the frames, degrees; None where not seen."""
    first = trunk[: max(len(trunk) // 6, 1)]
    first = first[np.isfinite(first)]
    # Upside down, as in a handstand, -179 and 179 degrees are neighbours.
    return float(np.median(np.unwrap(first, period=360.0))) if len(first) else None


def _knee_bend(body: BodyJoints) -> Array | None:
    both = []
    for side in ("left", "right"):
        angle = angle_at(body, f"{side} hip", f"{side} knee", f"{side} ankle")
        if angle is not None:
            both.append(180.0 - angle)
    return np.mean(both, axis=0) if both else None


def _last_seen(body: BodyJoints) -> int | None:
    ends = [body.point(name) for name in ("hands", "head", "hips", "ankles")]
    seen = [np.isfinite(end[0]).all(axis=1) for end in ends if end is not None]
    if not seen or not np.all(seen, axis=0).any():
        return None
    return int(np.flatnonzero(np.all(seen, axis=0))[-1])


def _heights(body: BodyJoints) -> Array | None:
    hips, ankles = body.point("hips"), body.point("ankles")
    if hips is None or ankles is None:
        return None
    heights: Array = (hips[0] - ankles[0]) @ body.up
    return heights if np.isfinite(heights).any() else None


def _lowest(body: BodyJoints) -> int | None:
    heights = _heights(body)
    return None if heights is None else int(np.nanargmin(heights))


def _standing(body: BodyJoints) -> tuple[NDArray[np.intp], int] | None:
    heights = _heights(body)
    if heights is None:
        return None
    low, high = np.nanmin(heights), np.nanquantile(heights, 0.95)
    return np.flatnonzero(heights >= high - _STANDING * (high - low)), int(np.nanargmin(heights))


def _standing_before(body: BodyJoints) -> int | None:
    found = _standing(body)
    if found is None:
        return None
    before = found[0][found[0] < found[1]]
    return int(before[-1]) if len(before) else None


def _standing_after(body: BodyJoints) -> int | None:
    found = _standing(body)
    if found is None:
        return None
    after = found[0][found[0] > found[1]]
    return int(after[0]) if len(after) else None


_RULES: dict[str, Callable[[BodyJoints], int | None]] = {
    "legs-extend": _legs_extend,
    "last-seen": _last_seen,
    "lowest": _lowest,
    "standing-before": _standing_before,
    "standing-after": _standing_after,
}

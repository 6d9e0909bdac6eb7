"""A number for each frame of a body: an angle, a distance, a ratio."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aqa.features.aspects.body import SIDES, Array, BodyJoints, is_sided
from aqa.features.aspects.definition import Aspect, Axis

_NEAR = 3  # frames, within which no diver makes half a turn
# Body lengths, decided on drawn squats (docs/measure.md). From the side both ankles lie at one
# place, and nothing can be told by their distance; from ahead feet point nowhere in a picture.
_APART, _POINTING = 0.05, 0.03


class Series(NamedTuple):
    """values: (frames,), NaN where not seen. confidence: (frames,), the least of the points'."""

    values: Array
    confidence: Array


def angle_at(body: BodyJoints, first: str, joint: str, second: str) -> Array | None:
    """The angle at a joint on each frame, degrees, 180 is straight; None without these joints."""
    a, b, c = (body.point(name) for name in (first, joint, second))
    if a is None or b is None or c is None:
        return None
    return between(a[0] - b[0], c[0] - b[0])


def between(u: Array, v: Array) -> Array:
    """The angle between directions (frames, axes), degrees; NaN where one has no length."""
    lengths = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.einsum("ij,ij->i", u, v) / lengths
    angles: Array = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return angles


def direction_angles(body: BodyJoints, start: str, stop: str) -> Array | None:
    """The direction from point to point on each frame, degrees clockwise from up, -180 to 180.

    In the plane of the picture: of x, y, z the first two.
    """
    a, b = body.point(start), body.point(stop)
    if a is None or b is None:
        return None
    way = b[0] - a[0]
    angles: Array = np.degrees(np.arctan2(way[:, 0], body.up[1] * way[:, 1]))
    return angles


def turn_of(body: BodyJoints, start: int, stop: int) -> float:
    """How far the trunk is seen to turn, degrees, clockwise positive; NaN where it is not seen.

    What it turns while it is not seen for some frames is left out: nobody knows which way.
    """
    angles = direction_angles(body, "hips", "shoulders")
    if angles is None:
        return float("nan")
    angles = angles[start : stop + 1]
    seen = np.flatnonzero(np.isfinite(angles))
    if len(seen) < 2:
        return float("nan")
    steps = (np.diff(angles[seen]) + 180.0) % 360.0 - 180.0
    return float(steps[np.diff(seen) <= _NEAR].sum())


def series_of(aspect: Aspect, body: BodyJoints, turn: float, origin: int) -> Series | None:
    """What an aspect measures on each frame; None where the joints that it takes are not there.

    turn: degrees by which the body turns, whose sign tells past from short. origin: the frame that
    `travel` starts from.
    """
    if not any(map(is_sided, aspect.points)):
        return _series(aspect, aspect.points, body, turn, origin)
    both = []
    for side in SIDES:
        names = [f"{side} {name}" if is_sided(name) else name for name in aspect.points]
        one = _series(aspect, names, body, turn, origin)
        if one is None:
            return None
        both.append(one)
    left, right = both
    sure = np.minimum(left.confidence, right.confidence)
    if aspect.sides == "difference":
        return Series(np.abs(left.values - right.values), sure)
    if aspect.sides == "mean":
        return Series((left.values + right.values) / 2, sure)
    pick = np.fmin if aspect.worse == "less" else np.fmax
    return Series(pick(left.values, right.values), sure)


def _series(
    aspect: Aspect, names: Sequence[str], body: BodyJoints, turn: float, origin: int
) -> Series | None:
    points = [body.point(name) for name in names]
    if any(point is None for point in points):
        return None
    places = [point[0] for point in points if point is not None]
    sure = np.min([point[1] for point in points if point is not None], axis=0)
    values = _values(aspect, names, places, body, turn, origin)
    return None if values is None else Series(values, np.where(np.isfinite(values), sure, 0.0))


def _values(
    aspect: Aspect,
    names: Sequence[str],
    places: Sequence[Array],
    body: BodyJoints,
    turn: float,
    origin: int,
) -> Array | None:
    kind = aspect.kind
    if kind in ("joint-angle", "joint-bend"):
        angle = between(places[0] - places[1], places[2] - places[1])
        return angle if kind == "joint-angle" else 180.0 - angle
    if kind == "limb-limb":
        return between(places[1] - places[0], places[3] - places[2])
    if kind == "limb-vertical":
        return _off_vertical(aspect, names, places, body, turn)
    if kind == "distance":
        return _length(places[1] - places[0], aspect.axis, body.up) / body.length
    if kind == "ratio":
        divisor = _length(places[3] - places[2], aspect.axis, body.up)
        apart = np.where(np.abs(divisor) >= _APART * body.length, divisor, np.nan)
        return _length(places[1] - places[0], aspect.axis, body.up) / apart
    if kind == "ahead":
        return _ahead(places, body)
    if kind == "travel":
        return _length(places[0] - places[0][origin], aspect.axis, body.up) / body.length
    assert kind == "jerk"
    return np.asarray(np.linalg.norm(places[0], axis=1))  # of which only what is seen matters


def _off_vertical(
    aspect: Aspect, names: Sequence[str], places: Sequence[Array], body: BodyJoints, turn: float
) -> Array | None:
    way = places[1] - places[0]
    reference = body.up if aspect.to == "up" else -body.up
    if aspect.signed == "no":
        return between(way, np.broadcast_to(reference, way.shape))
    if not abs(turn) > 90.0:  # nothing is past or short of anything where a body does not turn
        return None
    clockwise = direction_angles(body, names[0], names[1])
    assert clockwise is not None
    off = clockwise if aspect.to == "up" else clockwise - 180.0
    past = np.sign(turn) * ((off + 180.0) % 360.0 - 180.0)
    return np.maximum(past if aspect.signed == "past" else -past, 0.0)


def _length(way: Array, axis: Axis, up: Array) -> Array:
    if axis == "any":
        return np.asarray(np.linalg.norm(way, axis=1))
    if axis == "up":
        return np.asarray(way @ up)
    return np.abs(way[:, 0 if axis == "x" else 1])


def _ahead(places: Sequence[Array], body: BodyJoints) -> Array | None:
    """How far the first point is ahead of the second, along the level way from ankles to toes."""
    ankles, toes = body.point("ankles"), body.point("toes")
    if ankles is None or toes is None:
        return None
    level = np.flatnonzero(body.up == 0)
    feet = (toes[0] - ankles[0])[:, level]
    feet = feet[np.isfinite(feet).all(axis=1)]
    along = np.median(feet, axis=0) if len(feet) else np.zeros(len(level))
    length = np.linalg.norm(along)
    if not length >= _POINTING * body.length:
        return None
    ahead: Array = (places[0] - places[1])[:, level] @ (along / length) / body.length
    return ahead


def log_jerk(places: Array, fps: float) -> float:
    """Log dimensionless jerk of a path (frames, axes): ln(duration^3 / peak speed^2 x sum jerk^2).

    NaN for fewer than five frames, for frames without the point between others with it (a leap is
    no jerk), or a point that stays. Balasubramanian's measure with its sign turned: more is less
    smooth.
    """
    frames = np.flatnonzero(np.isfinite(places).all(axis=1))
    if len(frames) < 5 or frames[-1] - frames[0] >= len(frames):
        return float("nan")
    seen = places[frames]
    speed = np.linalg.norm(np.gradient(seen, axis=0) * fps, axis=1)
    jerk = np.diff(seen, n=3, axis=0) * fps**3
    seconds, peak = (len(seen) - 1) / fps, float(speed.max())
    total = float(np.square(jerk).sum()) / fps
    if peak <= 0 or total <= 0:
        return float("nan")
    return float(np.log(seconds**3 / peak**2 * total))

"""Faults that the demo's dives do not have, and squats, drawn for `benchmarks/aspects.py`.

Legs apart (one forward, one backward, in the flight), a loose pike or tuck (the hips, or the knees,
less bent by so much), and squats of known depth, lean, tempo and difference of the knees. Sizes are
in degrees and seconds; joints are as drawn, with noise in percent of the torso's length.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np

from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.definition import AspectSet
from aqa.features.aspects.measure import Measured, Seen, measure
from aqa.workflows.demo import motion
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.diver import Joint, Pose, orient, skeleton
from aqa.workflows.demo.filming import JOINTS, joints_of
from aqa.workflows.demo.motion import FPS

Array = np.ndarray
NAMES = [name for name, _ in JOINTS]
_LEGS = {
    side: [Joint[f"{name}_{side}"] for name in ("HIP", "KNEE", "ANKLE", "TOE")]
    for side in ("LEFT", "RIGHT")
}


def dive_joints(dive: Dive, *, apart: float = 0.0, loose: float = 0.0) -> Array:
    """Joints in pixels of a dive with legs apart, and a loose pike or tuck, by so many degrees."""
    pike = motion._PIKE._replace(hip=motion._PIKE.hip - loose)
    tuck = motion._TUCK._replace(knee=motion._TUCK.knee - loose)

    def drawn(poses: Array) -> Array:
        points = skeleton(poses)
        if len(poses) > 1:
            _part(points, "LEFT", np.radians(apart / 2))
            _part(points, "RIGHT", -np.radians(apart / 2))
        return points

    with (
        patch.object(motion, "_PIKE", pike),
        patch.object(motion, "_TUCK", tuck),
        patch.object(motion, "skeleton", drawn),
    ):
        return joints_of(dive).astype(np.float64)


def still_joints(dive: Dive, *, bent: float = 0.0) -> Array:
    """Joints of a dive seen by a camera that stands still, 60 pixels per metre.

    bent: degrees by which the hips are bent where the body is held straight, twisting or not.
    """
    wrapped, swan = (pose._replace(hip=bent) for pose in (motion._WRAP, motion._SWAN))
    with patch.object(motion, "_WRAP", wrapped), patch.object(motion, "_SWAN", swan):
        joints, _ = motion.move(dive.type, dive.timing, dive.faults)
    order = [joint for _, joint in JOINTS]
    places: Array = np.stack([60 * joints[:, order, 0], -60 * joints[:, order, 1]], axis=-1)
    places[dive.stages.ending :] = np.nan
    return places


def flown(dive: Dive) -> tuple[float, float]:
    """How far the centre of mass rises, and goes out until the hands touch the water, metres."""
    seconds = (dive.stages.entry - dive.stages.flight + 1) / FPS
    return dive.timing.up**2 / (2 * motion.GRAVITY), dive.timing.out * seconds


def _part(points: Array, side: str, angle: float) -> None:
    """Turn a leg about its hip, forwards where the angle is positive."""
    hip, *rest = _LEGS[side]
    away = points[:, rest] - points[:, [hip]]
    x, y = away[..., 0].copy(), away[..., 1].copy()
    away[..., 0], away[..., 1] = (
        x * np.cos(angle) - y * np.sin(angle),
        x * np.sin(angle) + y * np.cos(angle),
    )
    points[:, rest] = points[:, [hip]] + away


def noisy(joints: Array, percent: float, rng: np.random.Generator) -> Array:
    """Joints that are off by so many percent of the torso's length (standard deviation)."""
    neck, hips = NAMES.index("neck"), NAMES.index("pelvis")
    torso = np.nanmedian(np.linalg.norm(joints[:, neck] - joints[:, hips], axis=1))
    return joints + rng.normal(scale=percent / 100 * torso, size=joints.shape)


def squat(
    definition: AspectSet,
    *,
    depth: float,
    lean: float,
    down: float,
    apart: float,
    spoil: Callable[[Array], Array],
) -> dict[str, Measured]:
    """A squat seen from the side: knees bent by `depth`, trunk off upright by `lean`, degrees.

    down: seconds. apart: degrees by which the left knee is bent less. spoil: adds noise.
    """
    joints = squat_body(depth=depth, lean=lean, down=down, apart=apart)
    order = [joint for _, joint in JOINTS]
    pixels = np.stack([160 + 60 * joints[:, order, 0], 200 - 60 * joints[:, order, 1]], axis=-1)
    return measure(definition, Seen(BodyJoints.of(spoil(pixels), NAMES), FPS, {}, {}))


def squat_body(
    *, depth: float, lean: float, down: float, apart: float = 0.0, arms: float = 180.0
) -> Array:
    """The joints (frames, 17, 3) of a squat in metres, facing x, the right ankle at the origin.

    arms: degrees by which they are raised at the lowest, 180 all the time where that is 180.
    """
    n = round(down * FPS)
    share = np.concatenate([np.zeros(12), np.sin(np.linspace(0, np.pi / 2, n)) ** 2])
    share = np.concatenate([share, share[::-1]])
    sides = {}
    for side, bend in (("LEFT", depth - apart), ("RIGHT", depth)):
        # The shins lean half as far forward as the knees are bent, less the lean of the thighs.
        raised = [180.0 if arms == 180.0 else arms * s for s in share]
        poses = np.array(
            [
                Pose(lean * s + bend * s / 2, bend * s, 90, up, up)
                for s, up in zip(share, raised, strict=True)
            ]
        )
        body = skeleton(poses)
        trunk = body[:, Joint.NECK] - body[:, Joint.PELVIS]
        off = np.arctan2(trunk[:, 0], trunk[:, 1])
        turn = np.radians(lean) * share - off
        placed = orient(body, np.zeros(len(share)), turn)
        sides[side] = placed - placed[:, [Joint.PELVIS]]
    joints = sides["RIGHT"].copy()
    joints[:, _LEGS["LEFT"]] = sides["LEFT"][:, _LEGS["LEFT"]]
    feet = joints[:, Joint.ANKLE_RIGHT].copy()
    on_feet: Array = joints - feet[:, None]
    return on_feet

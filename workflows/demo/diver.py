"""The diver's skeleton: joint angles in, joint positions out.

Body frame: x forward (out of the chest), y up along the straight body, z to the diver's right,
in metres with the pelvis at the origin. World frame: x away from the platform, y up from the
water surface, z towards the camera.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLAT_FOOT = 90.0
POINTED_FOOT = 10.0


class Pose(NamedTuple):
    """Joint angles in degrees; the default is the stretched body with arms overhead.

    `hip` and `knee` are flexions (0 is straight), `foot` is the angle between shin and sole,
    `arm_*` the swing of an arm forward from hanging (0) to overhead (180), `spread_*` its
    angle out of the sagittal plane, and `nod` the flexion of the neck.
    """

    hip: float = 0.0
    knee: float = 0.0
    foot: float = POINTED_FOOT
    arm_left: float = 180.0
    arm_right: float = 180.0
    elbow_left: float = 0.0
    elbow_right: float = 0.0
    spread_left: float = 0.0
    spread_right: float = 0.0
    nod: float = 0.0


class Joint(IntEnum):
    """Rows of a skeleton array."""

    PELVIS = 0
    NECK = 1
    HEAD = 2
    SHOULDER_LEFT = 3
    SHOULDER_RIGHT = 4
    ELBOW_LEFT = 5
    ELBOW_RIGHT = 6
    HAND_LEFT = 7
    HAND_RIGHT = 8
    HIP_LEFT = 9
    HIP_RIGHT = 10
    KNEE_LEFT = 11
    KNEE_RIGHT = 12
    ANKLE_LEFT = 13
    ANKLE_RIGHT = 14
    TOE_LEFT = 15
    TOE_RIGHT = 16


TORSO, NECK = 0.50, 0.19
UPPER_ARM, FOREARM = 0.29, 0.40
THIGH, SHIN, FOOT = 0.43, 0.42, 0.20
HALF_SHOULDERS, HALF_HIPS = 0.18, 0.09

_MASS = {
    Joint.PELVIS: 0.24,
    Joint.NECK: 0.16,
    Joint.HEAD: 0.09,
    Joint.SHOULDER_LEFT: 0.025,
    Joint.SHOULDER_RIGHT: 0.025,
    Joint.ELBOW_LEFT: 0.025,
    Joint.ELBOW_RIGHT: 0.025,
    Joint.HAND_LEFT: 0.015,
    Joint.HAND_RIGHT: 0.015,
    Joint.HIP_LEFT: 0.05,
    Joint.HIP_RIGHT: 0.05,
    Joint.KNEE_LEFT: 0.08,
    Joint.KNEE_RIGHT: 0.08,
    Joint.ANKLE_LEFT: 0.045,
    Joint.ANKLE_RIGHT: 0.045,
    Joint.TOE_LEFT: 0.015,
    Joint.TOE_RIGHT: 0.015,
}


def skeleton(poses: Array) -> Array:
    """Joint positions `(n, 17, 3)` in the body frame of `n` poses `(n, 10)`.

    Trunk and thighs share a bend of the hip equally, so that folding does not turn the body.
    """
    angles = dict(zip(Pose._fields, np.radians(poses).T, strict=True))
    lean = angles["hip"] / 2.0
    points = np.zeros((len(poses), len(Joint), 3))
    trunk = _swing(np.pi - lean)
    points[:, Joint.NECK] = TORSO * trunk
    points[:, Joint.HEAD] = points[:, Joint.NECK] + NECK * _swing(np.pi - lean - angles["nod"])
    for side, sign in (("left", -1.0), ("right", 1.0)):
        _arm(points, angles, side, sign, lean)
        _leg(points, angles, side, sign, lean)
    return points


def centre_of_mass(points: Array) -> Array:
    """Centres of mass `(n, 3)` of skeletons `(n, 17, 3)`."""
    return np.einsum("j,njk->nk", _weights(), points)


def inertia(points: Array) -> Array:
    """Moments of inertia `(n,)` about the transverse axis, per kilogram."""
    offsets = points - centre_of_mass(points)[:, None]
    return np.einsum("j,njk->n", _weights(), offsets[..., :2] ** 2)


def orient(points: Array, twist: Array, turn: Array) -> Array:
    """Body frame to world axes: `twist` about the long axis, then `turn` head over heels.

    Both are in radians, one per skeleton. A twist of 0 faces away from the platform; a positive
    turn takes the head of an upright diver away from the platform.
    """
    x, y, z = np.moveaxis(points, -1, 0)
    cos, sin = np.cos(twist)[:, None], np.sin(twist)[:, None]
    x, z = x * cos + z * sin, z * cos - x * sin
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return np.stack([x * cos + y * sin, y * cos - x * sin, z], axis=-1)


def _swing(angle: Array) -> Array:
    """Unit vectors `(n, 3)` in the sagittal plane, swung forward from hanging down."""
    return np.stack([np.sin(angle), -np.cos(angle), np.zeros_like(angle)], axis=-1)


def _arm(points: Array, angles: dict[str, Array], side: str, sign: float, lean: Array) -> None:
    shoulder, elbow, hand = (Joint[f"{name}_{side}".upper()] for name in _ARM)
    upper = angles[f"arm_{side}"] - lean
    spread = angles[f"spread_{side}"]
    points[:, shoulder] = points[:, Joint.NECK]
    points[:, shoulder, 2] = sign * HALF_SHOULDERS
    points[:, elbow] = points[:, shoulder] + UPPER_ARM * _spread(_swing(upper), spread, sign)
    lower = _spread(_swing(upper + angles[f"elbow_{side}"]), spread, sign)
    points[:, hand] = points[:, elbow] + FOREARM * lower
    # Stretched overhead, the hands meet in front of the head.
    points[:, hand, 2] *= 1.0 - 0.7 * np.clip(-np.cos(angles[f"arm_{side}"]), 0.0, 1.0)


def _leg(points: Array, angles: dict[str, Array], side: str, sign: float, lean: Array) -> None:
    hip, knee, ankle, toe = (Joint[f"{name}_{side}".upper()] for name in _LEG)
    thigh = angles["hip"] - lean
    shin = thigh - angles["knee"]
    points[:, hip, 2] = sign * HALF_HIPS
    points[:, knee] = points[:, hip] + THIGH * _swing(thigh)
    points[:, ankle] = points[:, knee] + SHIN * _swing(shin)
    points[:, toe] = points[:, ankle] + FOOT * _swing(shin + angles["foot"])
    points[:, (knee, ankle, toe), 2] *= 0.75


def _spread(direction: Array, angle: Array, sign: float) -> Array:
    sideways = np.array([0.0, 0.0, sign])
    return np.cos(angle)[:, None] * direction + np.sin(angle)[:, None] * sideways


def _weights() -> Array:
    mass = np.array([_MASS[joint] for joint in Joint])
    return mass / mass.sum()


_ARM = ("shoulder", "elbow", "hand")
_LEG = ("hip", "knee", "ankle", "toe")

"""From a dive to the diver's joints on every frame: stand, take-off, flight, entry, ending.

The centre of mass flies on a parabola that no fault touches, and a fault moves joints only inside
its own frames: until then, a dive with the fault looks the same as the dive without it. (What
follows a faulty entry differs: the splash stands where the hands went in.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aqa.workflows.demo.diver import (
    FLAT_FOOT,
    Array,
    Joint,
    Pose,
    centre_of_mass,
    inertia,
    orient,
    skeleton,
)
from aqa.workflows.demo.panel import Fault
from aqa.workflows.demo.program import DiveType

FPS = 30.0
GRAVITY = 9.81
PLATFORM_HEIGHT = 10.0
ENTRY_FRAMES = 16

_REACH = 1.16  # from the centre of mass to the fingertips of the stretched diver, metres
_DRAG = 0.30  # seconds in which water brakes the diver to 1/e of the speed
_HEEL_RAISE = 12.0  # degrees between sole and platform
_FOOT_X = {True: -0.05, False: -0.14}  # toes from the edge, metres, by DiveType.faces_water

_KNEE_BEND = 115.0  # degrees of knee bend at severity 1
_OVER_ROTATION = 62.0  # degrees past the vertical at the end of a fault of severity 1
_SLANT = 42.0  # degrees short of the vertical at severity 1
_ARCH = 28.0  # degrees the slanted body is arched backwards at severity 1


class Stages(NamedTuple):
    """First frame of each stage, and `n_frames`; before `takeoff` the diver stands."""

    takeoff: int
    flight: int
    entry: int
    ending: int
    n_frames: int


@dataclass(frozen=True)
class Timing:
    """How long a dive takes and where it goes.

    stand, takeoff, ending: frames. up, out: take-off speed in metres per second, upwards and
    away from the platform.
    """

    stand: int
    takeoff: int
    ending: int
    up: float
    out: float


class Window(NamedTuple):
    """A half-open range of frames."""

    start: int
    stop: int


def stages(dive_type: DiveType, timing: Timing) -> Stages:
    """The stage boundaries: the entry begins when the hands of a stretched diver meet the water."""
    flight = timing.stand + timing.takeoff
    drop = _launch_height(dive_type) - _REACH
    seconds = (timing.up + math.sqrt(timing.up**2 + 2.0 * GRAVITY * drop)) / GRAVITY
    entry = flight - 1 + math.ceil(seconds * FPS)
    ending = entry + ENTRY_FRAMES
    return Stages(timing.stand, flight, entry, ending, ending + timing.ending)


def fault_window(name: str, dive_type: DiveType, bounds: Stages) -> Window:
    """The frames in which a fault shows."""
    entry = bounds.entry
    windows = {
        "bent_legs": _held(dive_type, bounds),
        "over_rotation": Window(entry - 11, entry + 8),
        "slant_entry": Window(entry - 5, entry + 8),
        "large_splash": Window(entry + 2, entry + 30),
    }
    return windows[name]


def allowed_faults(dive_type: DiveType) -> tuple[str, ...]:
    """The faults that can be seen in a dive: bent legs are no fault of a tuck."""
    entry_faults = ("over_rotation", "slant_entry", "large_splash")
    return entry_faults if dive_type.position == "tuck" else ("bent_legs", *entry_faults)


def move(dive_type: DiveType, timing: Timing, faults: Sequence[Fault] = ()) -> tuple[Array, Array]:
    """The moving diver in world coordinates, metres.

    Returns the joints `(n_frames, 17, 3)` and the centres of mass `(n_frames, 2)`.
    """
    bounds = stages(dive_type, timing)
    ideal = np.concatenate([_support_poses(bounds), _flight_poses(dive_type, bounds)])
    poses, extra_turn = _with_faults(ideal, dive_type, faults)
    twist = _twist(dive_type, bounds)
    joints = np.empty((bounds.n_frames, len(Joint), 3))
    joints[: bounds.flight], leaving = _stand(poses[: bounds.flight], dive_type)
    turn = _somersault(ideal, dive_type, bounds, leaving) + extra_turn
    body = skeleton(poses[bounds.flight :])
    body -= centre_of_mass(body)[:, None]
    joints[bounds.flight :] = orient(body, twist[bounds.flight :], turn[bounds.flight :])
    centres = centre_of_mass(joints)[:, :2]
    centres[bounds.flight :] = _fly(centres[bounds.flight - 1], timing, bounds)
    joints[bounds.flight :, :, :2] += centres[bounds.flight :, None]
    return joints, centres


# Poses ------------------------------------------------------------------------------------------

_STAND = Pose(foot=FLAT_FOOT, arm_left=8, arm_right=4, elbow_left=8, elbow_right=8)
_REACHED = _STAND._replace(arm_left=172, arm_right=172, elbow_left=0, elbow_right=0)
_CROUCH = Pose(82, 92, FLAT_FOOT, arm_left=-35, arm_right=-35, nod=-15)
_LAUNCH = Pose(6, 6, 40, arm_left=165, arm_right=165)
_STRETCHED = Pose()
_SWAN = Pose(-6, arm_left=100, arm_right=100, spread_left=75, spread_right=75, nod=-12)
_PIKE = Pose(138, 0, 6, arm_left=98, arm_right=98, nod=22)
_TUCK = Pose(132, 138, 25, arm_left=15, arm_right=15, elbow_left=48, elbow_right=48, nod=30)
_WRAP = Pose(
    4, arm_left=165, arm_right=70, elbow_left=70, elbow_right=95, spread_left=8, spread_right=12
)


def _support_poses(bounds: Stages) -> Array:
    """Poses on the platform: arms up while standing, swung down into the crouch, up to the jump."""
    begin, leave = bounds.takeoff, bounds.flight
    low = begin + round(0.55 * (leave - begin))
    raising = [(0, _STAND), (begin - 3, _REACHED)] if begin >= 8 else [(0, _REACHED)]
    keys = [*raising, (begin, _REACHED), (low, _CROUCH), (leave - 1, _LAUNCH)]
    return _ease(keys, range(leave))


def _flight_poses(dive_type: DiveType, bounds: Stages) -> Array:
    begin, end = bounds.flight - 1, bounds.entry
    keys = [(begin + share * (end - begin), pose) for share, pose in _plan(dive_type)]
    return _ease(keys, range(bounds.flight, bounds.n_frames))


def _plan(dive_type: DiveType) -> list[tuple[float, Pose]]:
    """Key poses of the flight by the share of it that has passed."""
    start, opened = (0.0, _LAUNCH), (0.93, _STRETCHED)
    open_at = 0.52 + 0.036 * dive_type.half_somersaults
    if dive_type.position == "straight":
        return [start, (0.20, _SWAN), (0.70, _SWAN), opened]
    if dive_type.position == "free":
        return [start, (0.14, _WRAP), (0.68, _WRAP), (0.88, _STRETCHED)]
    held = _TUCK if dive_type.position == "tuck" else _PIKE
    if dive_type.half_twists:
        return [start, (0.10, _WRAP), (0.42, _WRAP), (0.54, held), (0.76, held), opened]
    return [start, (0.17, held), (open_at, held), opened]


def _held(dive_type: DiveType, bounds: Stages) -> Window:
    """The frames in which the position of the dive is held."""
    begin, length = bounds.flight - 1, bounds.entry - bounds.flight + 1
    shares = [share for share, _ in _plan(dive_type)][-3:-1]
    return Window(begin + round(shares[0] * length), begin + round(shares[1] * length) + 3)


def _ease(keys: Sequence[tuple[float, Pose]], frames: Iterable[int]) -> Array:
    """Poses `(n, 10)` on `frames`: from key pose to key pose with a soft start and stop."""
    times = np.array([time for time, _ in keys])
    values = np.array([pose for _, pose in keys], dtype=np.float64)
    at = np.clip(np.array(list(frames), dtype=np.float64), times[0], times[-1])
    left = np.clip(np.searchsorted(times, at, side="right") - 1, 0, len(times) - 2)
    share = _smooth((at - times[left]) / (times[left + 1] - times[left]))
    return values[left] + share[:, None] * (values[left + 1] - values[left])


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


# Support ----------------------------------------------------------------------------------------


def _stand(poses: Array, dive_type: DiveType) -> tuple[Array, float]:
    """Joints until the toes leave the platform after the last pose, and the turn at that time."""
    facing = 1.0 if dive_type.faces_water else -1.0
    twist = np.full(len(poses), 0.0 if dive_type.faces_water else np.pi)
    frames = np.arange(len(poses))
    push = _smooth((frames - len(poses) + 6) / 5.0)
    lean = facing * 0.03 + dive_type.spin * 0.20 * push
    upright = orient(skeleton(poses), twist, np.zeros(len(poses)))
    rise = centre_of_mass(upright)[:, :2] - upright[:, Joint.ANKLE_LEFT, :2]
    turn = lean - np.arctan2(rise[:, 0], rise[:, 1])
    joints = orient(skeleton(_flat_footed(poses, facing * turn, push)), twist, turn)
    toes = np.array([_FOOT_X[dive_type.faces_water], PLATFORM_HEIGHT + 0.03])
    joints[..., :2] += (toes - joints[:, Joint.TOE_LEFT, :2])[:, None]
    return joints, float(turn[-1])


def _flat_footed(poses: Array, turn: Array, push: Array) -> Array:
    """Turn the feet so that the soles stay on the platform, rising to the toes with the push."""
    poses = poses.copy()
    field = Pose._fields.index
    shin = poses[:, field("hip")] / 2.0 - poses[:, field("knee")]
    raised = _HEEL_RAISE + 45.0 * push
    poses[:, field("foot")] = FLAT_FOOT - raised + np.degrees(turn) - shin
    return poses


def _launch_height(dive_type: DiveType) -> float:
    """Height of the centre of mass above the water at the last touch of the platform."""
    joints, _ = _stand(np.array([_LAUNCH]), dive_type)
    return float(centre_of_mass(joints)[0, 1])


# Flight -----------------------------------------------------------------------------------------


def _somersault(ideal: Array, dive_type: DiveType, bounds: Stages, leaving: float) -> Array:
    """Turn `(n_frames,)` in radians: a given spin turns a folded body faster than a straight one.

    The faultless poses set the pace, so that a fault does not change the turn outside its frames.
    """
    pace = 1.0 / inertia(skeleton(ideal))
    pace[: bounds.flight] = 0.0
    pace[bounds.entry + 1 :] = 0.0
    done = np.cumsum(pace) / pace.sum()
    return leaving + done * (dive_type.spin * np.pi * dive_type.half_somersaults - leaving)


def _twist(dive_type: DiveType, bounds: Stages) -> Array:
    start = 0.0 if dive_type.faces_water else np.pi
    until = 0.70 if dive_type.position == "free" else 0.46
    length = bounds.entry - bounds.flight + 1
    passed = (np.arange(bounds.n_frames) - bounds.flight + 1) / length
    # Half a soft start, half a steady turn: twists build up quickly and spin evenly.
    share = np.clip((passed - 0.06) / (until - 0.06), 0.0, 1.0)
    return start + np.pi * dive_type.half_twists * (share + _smooth(share)) / 2.0


def _fly(origin: Array, timing: Timing, bounds: Stages) -> Array:
    """Centres of mass from the first flight frame on: a parabola, then braked by the water."""
    frames = np.arange(bounds.flight, bounds.n_frames)
    touch = (bounds.entry - bounds.flight + 1) / FPS
    seconds = (frames - bounds.flight + 1) / FPS
    free = np.minimum(seconds, touch)
    braked = _DRAG * (1.0 - np.exp(-np.maximum(seconds - touch, 0.0) / _DRAG))
    x = timing.out * (free + braked)
    y = timing.up * free - GRAVITY * free**2 / 2.0 + (timing.up - GRAVITY * touch) * braked
    return origin + np.stack([x, y], axis=-1)


# Faults -----------------------------------------------------------------------------------------


def _with_faults(ideal: Array, dive_type: DiveType, faults: Sequence[Fault]) -> tuple[Array, Array]:
    """The poses with their faults, and what these add to the turn, radians `(n_frames,)`."""
    poses, turn = ideal.copy(), np.zeros(len(ideal))
    hip, knee = (Pose._fields.index(name) for name in ("hip", "knee"))
    frames = np.arange(len(ideal))
    for fault in faults:
        since, left = frames - fault.start + 1, fault.stop - frames
        inside = (since > 0) & (left > 0)
        if fault.name == "bent_legs":
            bend = _smooth(np.minimum(since, left) / 5.0)
            poses[:, knee] += fault.severity * _KNEE_BEND * bend
        elif fault.name == "over_rotation":
            past = _smooth(since / (fault.stop - fault.start)) * inside
            turn += dive_type.spin * np.radians(fault.severity * _OVER_ROTATION) * past
        elif fault.name == "slant_entry":
            short = _smooth(since / 5.0) * inside
            turn -= dive_type.spin * np.radians(fault.severity * _SLANT) * short
            poses[:, hip] -= fault.severity * _ARCH * short
    return poses, turn

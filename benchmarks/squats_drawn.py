"""Squats drawn in a plain room, whose joints, sizes and faults are known.

Each of four faults is there or not by lot: shallow (knees bent by 55 to 85 degrees instead of 95 to
125), lean (trunk off upright by 45 to 60 instead of 10 to 30), valgus (at the lowest the knees are
at 0.4 to 0.75 of the distance of the ankles), uneven (the left knee bent by 12 to 30 degrees less;
its foot then stands lower, as on a step). Tempo, stance, clothes, size and light are random too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aqa.benchmarks.aspects_drawn import squat_body
from aqa.workflows.demo.camera import HEIGHT, WIDTH, CameraView
from aqa.workflows.demo.diver import Joint, orient
from aqa.workflows.demo.figure import Image, Outfit, draw_figure
from aqa.workflows.demo.filming import JOINTS
from aqa.workflows.demo.sampling import sample_dive

Array = np.ndarray
NAMES = [name for name, _ in JOINTS]
# Fault -> the aspect of the set `squat` that tells of it.
TELLS = {
    "shallow": "depth",
    "lean": "trunk lean",
    "valgus": "knees apart",
    "uneven": "left against right",
}


class Squat(NamedTuple):
    """depth, lean, apart: degrees, as in `squat_body`. down: seconds. stance: metres.

    knees: their distance at the lowest by that of the ankles.
    """

    depth: float
    lean: float
    down: float
    apart: float
    stance: float
    knees: float
    faults: frozenset[str]


class Filmed(NamedTuple):
    """The frames of a squat, and its joints in pixels (frames, 17, 2), in the order of `NAMES`."""

    frames: list[Image]
    joints: Array


def sample_squat(seed: int) -> Squat:
    """A squat drawn at random, each of its faults with a probability of one half."""
    rng = np.random.default_rng([seed, 7])
    faults = frozenset(name for name in TELLS if rng.random() < 0.5)
    return Squat(
        depth=rng.uniform(55, 85) if "shallow" in faults else rng.uniform(95, 125),
        lean=rng.uniform(45, 60) if "lean" in faults else rng.uniform(10, 30),
        down=rng.uniform(0.7, 2.0),
        apart=rng.uniform(12, 30) if "uneven" in faults else 0.0,
        stance=rng.uniform(0.26, 0.40),
        knees=rng.uniform(0.4, 0.75) if "valgus" in faults else 1.0,
        faults=faults,
    )


def body_of(squat: Squat) -> Array:
    """The joints (frames, 17, 3) in metres, facing x, the right foot beside the origin."""
    body = squat_body(
        depth=squat.depth, lean=squat.lean, down=squat.down, apart=squat.apart, arms=80.0
    )
    deep = body[:, Joint.PELVIS, 1]
    share = (deep.max() - deep) / np.ptp(deep)
    width = 1 - (1 - squat.knees) * share
    middle = body[:, Joint.PELVIS, 2]
    for side, sign in (("LEFT", -1.0), ("RIGHT", 1.0)):
        foot = sign * squat.stance / 2
        body[:, Joint[f"KNEE_{side}"], 2] = middle + foot * width
        for part in ("ANKLE", "TOE"):
            body[:, Joint[f"{part}_{side}"], 2] = middle + foot
    return body


def film_squat(squat: Squat, seed: int, view: float) -> Filmed:
    """Draw a squat, seen from `view` degrees ahead of the side; the seed tells room and clothes."""
    rng = np.random.default_rng([seed, 8])
    body = body_of(squat)
    body = orient(body, np.full(len(body), -np.radians(view)), np.zeros(len(body)))
    camera = CameraView(rng.uniform(-0.2, 0.2), rng.uniform(0.65, 0.85), rng.uniform(85, 110))
    wall, floor = rng.integers(90, 230, (2, 3))
    noise, gain = rng.uniform(1, 5), rng.uniform(0.8, 1.1)
    outfit: Outfit = sample_dive(seed, 0).outfit
    frames = []
    for joints in body:
        image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        edge = int(np.clip(camera.row(0.25), 0, HEIGHT))
        image[:edge], image[edge:] = wall, floor
        draw_figure(image, joints, camera, outfit)
        grain = rng.normal(0, noise, image.shape)
        frames.append(np.clip(image * gain + grain, 0, 255).astype(np.uint8))
    order = [joint for _, joint in JOINTS]
    return Filmed(frames, camera.pixels(body[:, order, :2]))

"""Drawn dives, whose faults and their sizes are known: aspects find them in exact joints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.measure import Measured, Seen, measure
from aqa.features.aspects.read import load_aspects
from aqa.workflows.demo import motion
from aqa.workflows.demo.filming import JOINTS, joints_of
from aqa.workflows.demo.sampling import sample_dive

NAMES = [name for name, _ in JOINTS]


def measured(
    index: int, type: str, told_stages: bool = True, **faults: float
) -> dict[str, Measured]:
    dive = sample_dive(3, index, type=type, faults=faults)
    stages: dict[str, Any] = dive.stages._asdict()
    body = BodyJoints.of(joints_of(dive).astype(float), NAMES)
    columns = {"position": dive.type.position}
    return measure(load_aspects("diving"), Seen(body, 30.0, stages if told_stages else {}, columns))


@pytest.mark.parametrize(
    ("aspect", "fault"),
    [
        ("knees bent", "bent_legs"),
        ("past vertical at entry", "over_rotation"),
        ("short of vertical at entry", "slant_entry"),
        ("hips bent at entry", "slant_entry"),
    ],
)
@pytest.mark.parametrize("type", ["103B", "5154B"])
def test_a_larger_fault_is_more_degrees(aspect: str, fault: str, type: str) -> None:
    without = measured(4, type)[aspect].value
    sizes = [measured(4, type, **{fault: size})[aspect].value for size in (0.3, 0.6, 0.9)]
    assert without is not None
    assert without < 6
    assert sizes == sorted(sizes)
    assert sizes[0] > without + 5
    assert sizes[2] > sizes[0] + 5


@pytest.mark.parametrize("type", ["101A", "103B", "407C", "5233D"])
def test_how_far_the_body_flies(type: str) -> None:
    """By the physics of the drawing: as high and as far as the speed at the take-off takes it."""
    dive = sample_dive(3, 4, type=type, faults={})
    bounds = dive.stages
    world, _ = motion.move(dive.type, dive.timing, ())
    places = 60 * world[:, [joint for _, joint in JOINTS], :2] * [1, -1]
    places[bounds.ending :] = np.nan
    body = BodyJoints.of(places, NAMES)
    stages: dict[str, Any] = bounds._asdict()
    found = measure(load_aspects("diving"), Seen(body, 30.0, stages, {}, still_camera=True))
    seconds = (bounds.entry - bounds.flight + 1) / motion.FPS
    high, far = dive.timing.up**2 / (2 * motion.GRAVITY), dive.timing.out * seconds
    metres = body.length / 60
    assert found["height over the board"].value * metres == pytest.approx(high, abs=0.15)
    assert found["distance from the board"].value * metres == pytest.approx(far, abs=0.1)


def test_other_faults_do_not_show() -> None:
    found = measured(4, "205B", over_rotation=0.8)
    assert found["short of vertical at entry"].value == 0
    assert found["knees bent"].value < 6


def test_an_aspect_of_another_position_does_not_apply() -> None:
    found = measured(4, "103B")
    assert not found["tuck open"].applies
    assert found["pike open"].value == pytest.approx(42, abs=1)
    assert found["splash"].why == "no pixels of the video"
    assert "camera may move" in found["height over the board"].why


def test_the_takeoff_is_found_by_the_joints() -> None:
    """Within 4 frames of where the stage says; what needs the entry then ends where all is seen."""
    dive = sample_dive(3, 4, type="103B", faults={})
    body = BodyJoints.of(joints_of(dive).astype(float), NAMES)
    from aqa.features.aspects.events import find_events

    events = find_events(load_aspects("diving"), body, {})
    assert abs(events["takeoff"] - dive.stages.flight) <= 4
    assert events["entry"] == dive.stages.ending - 1  # as long as a drawn diver is drawn
    assert np.isfinite(body.joints[events["entry"]]).all()

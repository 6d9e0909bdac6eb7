"""What joints of known names tell of a body: its torso, its bones, its angles."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.extract.poses.names import COCO, KINECT, MEDIAPIPE
from aqa.features.body import angle_of, bones, degrees, torso_length

DRAWN = ("head", "pelvis", "neck", "left shoulder", "left elbow", "left hand", "left hip")
DRAWN += ("left knee", "left ankle", "left toe")


def body(names: tuple[str, ...], **places: tuple[float, float]) -> np.ndarray:
    """(1, joints, 2); joints that are not told lie at the origin."""
    made = np.zeros((1, len(names), 2))
    for name, place in places.items():
        made[0, names.index(name.replace("_", " "))] = place
    return made


def test_the_torso_goes_from_the_middle_of_the_hips_to_that_of_the_shoulders() -> None:
    joints = body(COCO, left_shoulder=(10, 0), right_shoulder=(30, 0))
    joints += body(COCO, left_hip=(15, 40), right_hip=(25, 40))
    assert torso_length(joints, COCO) == 40
    three = np.concatenate([joints, joints, 3 * joints])
    assert torso_length(three, COCO) == 40  # the median
    three[1] = np.nan
    assert torso_length(three, COCO) == 80  # of the frames where it is seen


def test_neck_and_pelvis_do_where_sides_are_not_both_there() -> None:
    assert torso_length(body(DRAWN, neck=(0, 0), pelvis=(3, 4)), DRAWN) == 5
    assert torso_length(body(("joint 0", "joint 1")), ("joint 0", "joint 1")) is None
    assert torso_length(body(COCO), COCO) is None  # all in one place


@pytest.mark.parametrize("names", [COCO, MEDIAPIPE, KINECT, DRAWN])
def test_bones_join_limbs_and_no_joint_with_itself(names: tuple[str, ...]) -> None:
    joined = {frozenset((names[a], names[b])) for a, b in bones(names)}
    assert len(joined) == len(bones(names))
    assert all(len(pair) == 2 for pair in joined)
    assert {"left knee", "left ankle"} in joined
    assert {"left hip", "left shoulder"} in joined
    hand = "left wrist" if "left wrist" in names else "left hand"
    assert {hand, "left elbow"} in joined


def test_joints_without_names_have_no_bones() -> None:
    assert bones(["joint 0", "joint 1"]) == []


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        ("left elbow", ("left shoulder", "left elbow", "left hand")),
        ("left hand", ("left shoulder", "left elbow", "left hand")),
        ("left toe", ("left knee", "left ankle", "left toe")),
        ("head", ("head", "neck", "pelvis")),
        ("left hip", ("left shoulder", "left hip", "left knee")),
        ("pelvis", None),
        ("right knee", None),
    ],
)
def test_the_angle_that_a_joint_changes(joint: str, expected: tuple[str, ...] | None) -> None:
    found = angle_of(joint, DRAWN)
    assert (None if found is None else tuple(DRAWN[j] for j in found)) == expected


def test_degrees_are_those_of_the_picture() -> None:
    body = np.array([(0, 0), (10, 0), (10, 10), (20, 0), (10, 0)], np.float32)
    assert degrees((0, 1, 2), body) == pytest.approx(90)
    assert degrees((0, 1, 3), body) == pytest.approx(180)
    assert np.isnan(degrees((0, 1, 4), body))

"""Angles and distances of stick figures that are drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.definition import Aspect, AspectSet
from aqa.features.aspects.events import find_events
from aqa.features.aspects.measure import Seen, measure
from aqa.features.aspects.read import load_aspects, parse_aspects
from aqa.features.aspects.series import log_jerk, series_of, turn_of

# A person from the side, facing right, upright: x to the right and y down, in pixels.
UPRIGHT = {
    "shoulder": (0, 0),
    "hip": (0, 50),
    "knee": (0, 90),
    "ankle": (0, 130),
    "toe": (20, 130),
    "hand": (0, 60),
}


def body(*figures: dict[str, tuple[float, float]], confidence: float = 1.0) -> BodyJoints:
    """A body whose frames are figures; both sides are at the same place unless told otherwise."""
    names = [f"{side} {name}" for side in ("left", "right") for name in UPRIGHT]
    frames = []
    for figure in figures:
        told = UPRIGHT | figure
        frames.append([told.get(name, told[name.split()[1]]) for name in names])
    joints = np.array(frames, float)
    return BodyJoints.of(joints, names, np.full(joints.shape[:2], confidence))


def aspect(kind: str, *points: str, **options: object) -> Aspect:
    """An aspect over the whole video."""
    return Aspect("a", kind, "{value}", ("start", "end"), "more", 0.0, points, **options)  # type: ignore[arg-type]


def values(one: Aspect, of: BodyJoints, turn: float = 0.0) -> np.ndarray:
    series = series_of(one, of, turn, 0)
    assert series is not None
    return series.values


def test_angles_at_joints() -> None:
    squatting = body({}, {"knee": (40, 50), "ankle": (40, 90)})
    assert values(aspect("joint-angle", "hip", "knee", "ankle"), squatting) == pytest.approx(
        [180, 90]
    )
    assert values(aspect("joint-bend", "hip", "knee", "ankle"), squatting) == pytest.approx([0, 90])


def test_limbs_against_the_vertical_and_each_other() -> None:
    leaning = body({}, {"shoulder": (50, 0)}, {"shoulder": (0, 100)})
    off_up = aspect("limb-vertical", "hips", "shoulders")
    assert values(off_up, leaning) == pytest.approx([0, 45, 180])
    apart = body({"left ankle": (-80, 130), "right ankle": (80, 130)})
    legs = aspect("limb-limb", "left hip", "left ankle", "right hip", "right ankle")
    assert values(legs, apart) == pytest.approx([90])


@pytest.mark.parametrize(("turn", "past", "short"), [(700, 45, 0), (-700, 0, 45)])
def test_past_and_short_follow_the_way_that_a_body_turns(
    turn: float, past: float, short: float
) -> None:
    """Head down, tilted on by 45 degrees clockwise from straight down."""
    diving = body({"shoulder": (-50, 180), "hip": (0, 130), "knee": (25, 105), "ankle": (50, 80)})
    for signed, expected in (("past", past), ("short", short)):
        one = aspect("limb-vertical", "ankles", "shoulders", to="down", signed=signed)
        assert values(one, diving, turn) == pytest.approx([expected])
    assert series_of(aspect("limb-vertical", "hips", "neck", signed="past"), diving, 30, 0) is None


def test_what_is_not_seen_turns_no_other_way() -> None:
    """40 degrees a frame clockwise; over six frames unseen that looks like 80 the other way."""
    degrees = np.radians(40.0 * np.arange(24))
    figures = [
        {"hip": (0, 0), "shoulder": (50 * np.sin(a), -50 * np.cos(a))} for a in degrees.tolist()
    ]
    assert turn_of(body(*figures), 0, 23) == pytest.approx(23 * 40)
    for first in (4, 13):
        for figure in figures[first : first + 6]:
            figure["shoulder"] = (np.nan, 0)
    assert turn_of(body(*figures), 0, 23) == pytest.approx(9 * 40)


def test_distances_are_in_body_lengths() -> None:
    one = body({}, {"hand": (65, 50)})
    assert one.length == pytest.approx(130)
    assert values(aspect("distance", "hand", "hips"), one) == pytest.approx([10 / 130, 0.5])
    assert values(aspect("distance", "hand", "hips", axis="y"), one) == pytest.approx([10 / 130, 0])
    ahead = body({"knee": (46, 90)})
    assert values(aspect("ahead", "knee", "toe"), ahead) == pytest.approx([26 / ahead.length])
    left = body({"toe": (-20, 130), "knee": (-46, 90)})
    assert values(aspect("ahead", "knee", "toe"), left) == pytest.approx([26 / left.length])


def test_feet_that_point_at_the_camera_tell_no_way_ahead() -> None:
    for toe, seen in ((3, False), (6, True)):
        one = body({"toe": (toe, 130), "knee": (46, 90)})
        assert (series_of(aspect("ahead", "knee", "toe"), one, 0, 0) is not None) == seen


def test_points_that_lie_at_one_place_divide_nothing() -> None:
    """From the side, ankles are at one place, and no knee is 20 times as far apart as they."""
    knees = {"left knee": (-20, 90), "right knee": (20, 90)}
    feet = [{"left ankle": (-x, 130), "right ankle": (x, 130)} for x in (1, 20)]
    one = aspect("ratio", "left knee", "right knee", "left ankle", "right ankle", axis="x")
    near, apart = values(one, body({**knees, **feet[0]}, {**knees, **feet[1]}))
    assert np.isnan(near)
    assert apart == pytest.approx(1)


def test_feet_may_point_anywhere_in_three_dimensions() -> None:
    flat = body({"knee": (46, 90)})
    x, y = flat.joints[..., 0], flat.joints[..., 1]
    deep = BodyJoints.of(np.stack([0 * x, -y, x], axis=2), flat.names)  # towards the camera
    assert values(aspect("ahead", "knee", "toe"), deep) == pytest.approx([26 / flat.length])


def test_a_rise_is_no_fall() -> None:
    """Of hips that rise by 30 and then fall by 65 below where they were, 30 is told."""
    moved = (0, 30, -65)
    one = body(*({name: (x, y - up) for name, (x, y) in UPRIGHT.items()} for up in moved))
    rise = aspect("travel", "hips", axis="up")
    assert values(rise, one) == pytest.approx([0, 30 / 130, -0.5])
    assert values(aspect("travel", "hips", axis="y"), one) == pytest.approx([0, 30 / 130, 0.5])


def test_the_centre_of_mass_lies_between_the_joints_of_trunk_and_legs() -> None:
    one = body({}, {"knee": (40, 90)}, {"ankle": (np.nan, 0)})
    one.confidence[:, one.names.index("left ankle")] = 0.4
    found = one.point("body")
    assert found is not None
    down = 0.678 * 25 + 0.2 * 70 + 0.122 * 110
    assert found[0][:2] == pytest.approx(np.array([[0, down], [40 * (0.2 + 0.122) / 2, down]]))
    assert np.isnan(found[0][2]).any()
    assert found[1].tolist() == [0.4, 0.4, 0]
    assert BodyJoints.of(one.joints[:, :3], one.names[:3]).point("body") is None


def test_takeoff_is_not_where_a_knee_is_missing() -> None:
    """Crouched, with a frame without knees, then straight, then turned over."""
    crouch = {"knee": (40, 50), "ankle": (0, 50 + 1)}
    over = {"shoulder": (50, 60)}
    figures = [crouch, crouch | {"knee": (np.nan, 0)}, crouch, {}, over, over]
    found = find_events(load_aspects("diving"), body({}, *figures), {})
    assert found["takeoff"] == 4
    unseen = body(*({**figure, "knee": (np.nan, 0)} for figure in figures))
    # The first that is turned over.
    assert find_events(load_aspects("diving"), unseen, {})["takeoff"] == 4


def test_a_handstand_is_no_turn() -> None:
    """A trunk upside down, a little to one side and to the other, that turns at the end alone."""
    hands = [{"shoulder": (x, 100), "hip": (0, 50)} for x in (3, -3) * 6]
    hands[5] |= {"knee": (40, 50), "ankle": (0, 51)}
    one = body(*hands, {"shoulder": (50, 50), "hip": (0, 50)})
    assert find_events(load_aspects("diving"), one, {})["takeoff"] == 6


def test_both_sides() -> None:
    one = body({"left knee": (40, 50), "left ankle": (40, 90)})
    points = ("hip", "knee", "ankle")
    assert values(aspect("joint-bend", *points), one) == pytest.approx([45])
    assert values(aspect("joint-bend", *points, sides="worse"), one) == pytest.approx([90])
    assert values(aspect("joint-bend", *points, sides="difference"), one) == pytest.approx([90])


def test_a_smooth_path_has_less_jerk() -> None:
    t = np.linspace(0, 1, 60)
    smooth = np.stack([10 * t**3 - 15 * t**4 + 6 * t**5, 0 * t], axis=1) * 100
    shaken = smooth + np.stack([np.sin(60 * t), 0 * t], axis=1)
    assert log_jerk(smooth, 30) + 1 < log_jerk(shaken, 30)
    assert log_jerk(smooth, 30) == pytest.approx(log_jerk(smooth * 7, 30))  # whatever the size
    assert np.isnan(log_jerk(smooth[:4], 30))
    assert np.isnan(log_jerk(smooth * 0, 30))
    late = np.where(np.arange(60)[:, None] < 20, np.nan, smooth)
    assert log_jerk(late, 30) == pytest.approx(log_jerk(smooth[20:], 30))
    assert np.isnan(log_jerk(np.where(np.arange(60)[:, None] == 20, np.nan, smooth), 30))


def test_a_largest_value_is_as_sure_as_its_own_frame() -> None:
    """Wrong joints give extreme angles: a good average says nothing of them."""
    figures = [{}, {"knee": (40, 50), "ankle": (40, 90)}, {}, {}]
    one = body(*figures)
    one.confidence[1] = 0.2
    bend = ("joint-bend", "hip", "knee", "ankle")
    for reduce, sure in (("max", 0.2), ("range", 0.2), ("min", 0.8), ("mean", 0.8)):
        definition = AspectSet("s", "", {}, (aspect(*bend, reduce=reduce),), "")
        found = measure(definition, Seen(one, 30.0, {}, {}))["a"]
        assert found.confidence == pytest.approx(sure), reduce
        assert found.doubtful == (sure < 0.3)


def test_confidence_and_what_is_not_seen() -> None:
    """A frame without the joints counts as not sure at all; no value is made up for it."""
    one = body({}, {"knee": (np.nan, 0)}, {"knee": (40, 50)}, confidence=0.8)
    squat = parse_aspects(
        'name = "s"\n[[aspect]]\nname = "knee"\nkind = "joint-bend"\n'
        'points = ["hip", "knee", "ankle"]\nover = ["start", "end"]\nworse = "more"\n'
        'neutral = 0\nsays = "bent by {value} {unit}"\n',
        "s.toml",
    )
    found = measure(squat, Seen(one, 30.0, {}, {}))["knee"]
    assert found.frame == 2
    assert found.value == pytest.approx(116.57, abs=0.01)
    assert found.confidence == pytest.approx(1.6 / 3)
    assert squat.aspects[0].sentence(found.value) == "bent by 117 degrees"
    unseen = body({"knee": (np.nan, 0)})
    nothing = measure(squat, Seen(unseen, 30.0, {}, {}))["knee"]
    assert nothing.value is None
    assert nothing.why == "no frame there shows the joints"


def test_an_event_that_is_not_known_is_told_with_its_reason() -> None:
    text = (
        'name = "s"\n[events.low]\nstage = "bottom"\n{}[[aspect]]\nname = "knee"\n'
        'kind = "joint-bend"\npoints = ["hip", "knee", "ankle"]\nover = "low"\nworse = "more"\n'
        'neutral = 0\nsays = "{{value}}"\n'
    )
    headless = body({"ankle": (np.nan, 0)})
    for rule, why in (
        ("", "the event low is not known: no stage_bottom in the manifest, and it has no rule"),
        ('rule = "lowest"\n', "no stage_bottom in the manifest, and the rule lowest finds none"),
    ):
        found = measure(parse_aspects(text.format(rule), "s.toml"), Seen(headless, 30.0, {}, {}))
        assert why in found["knee"].why


def test_up_of_three_dimensions_is_told_by_the_body() -> None:
    flat = body({})
    joints = np.concatenate([flat.joints, np.zeros((1, len(flat.names), 1))], axis=2)
    assert BodyJoints.of(joints, flat.names).up.tolist() == [0, -1, 0]
    assert BodyJoints.of(joints * [1, -1, 1], flat.names).up.tolist() == [0, 1, 0]


def test_a_squat_finds_its_own_beginning_and_end() -> None:
    depth = np.concatenate([np.zeros(10), np.sin(np.linspace(0, np.pi, 41)), np.zeros(10)])
    figures = [
        {"shoulder": (15 * d, 70 * d), "hip": (-40 * d, 50 + 50 * d), "knee": (30 * d, 90 + 5 * d)}
        for d in depth
    ]
    found = measure(load_aspects("squat"), Seen(body(*figures), 20.0, {}, {}))
    assert found["depth"].frame == 30
    assert found["time down"].value == pytest.approx(found["time up"].value, abs=0.06)
    assert 0.7 < found["time down"].value < 1.0
    assert found["knee over toe"].value == pytest.approx(10 / body(*figures).length, abs=0.01)
    assert found["left against right"].value == pytest.approx(0)
    assert found["trunk lean"].frame == 30

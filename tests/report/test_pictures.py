from __future__ import annotations

import cv2
import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.models.feedback import ClipFeedback, Feedback, JointMove, PoseFeedback
from aqa.report.pictures import (
    ARROW,
    FAULT,
    PALETTE,
    SOUND,
    Panel,
    Point,
    draw_curve,
    draw_feedback,
    draw_moves,
    draw_panels,
    draw_tuning,
    save_picture,
    shown_frames,
)
from aqa.workflows.transfer.results import TransferResult


def feedback(values):
    clips = [
        ClipFeedback(i, 16 * i, 16 * i + 16, 0.5 * i, 0.5 * i + 0.5, v, v < 0.5, {"e": i})
        for i, v in enumerate(values)
    ]
    return Feedback("v", "similarity", 0.5, clips)


def has(image, colour):
    return bool((image == colour).all(axis=2).any())


def test_faulty_and_sound_clips_are_told_by_colour():
    frames = [np.full((24, 32, 3), 250, np.uint8)] * 2
    assert has(draw_feedback(feedback([0.9, 0.2]), frames, frames, "e"), FAULT)
    assert not has(draw_feedback(feedback([0.9, 0.8]), frames), FAULT)
    assert not has(draw_feedback(feedback([0.1, 0.2]), frames), SOUND)


def test_frames_of_both_stand_above_the_curve():
    mine, other = (np.full((24, 32, 3), grey, np.uint8) for grey in (111, 222))
    image = draw_feedback(feedback([0.9]), [mine], [other], "e")
    rows_mine, rows_other = (
        np.flatnonzero((image == grey).all(axis=2).sum(axis=1) > 100) for grey in (111, 222)
    )
    assert rows_mine.max() < rows_other.min()
    assert rows_other.max() < image.shape[0] - 100


@pytest.mark.parametrize("values", [[0.0], [-3.0, 5.0], [0.5] * 12])
def test_any_values_can_be_drawn(values):
    frames = [np.zeros((10, 10, 3), np.uint8)] * len(values)
    image = draw_feedback(feedback(values), frames)
    assert image.shape[1] > 100 * len(values)


def moves(gradient):
    """Feedback on frames 10, 11, ... of two joints, of which the second gains on the last."""
    joints = np.tile(np.float32([[20, 30], [60, 40]]), (len(gradient), 1, 1))
    last = 9 + len(gradient)
    found = [JointMove("hand", last, None, 60, 40, *gradient[-1][1], 1.0)]
    return PoseFeedback("v", "points", found, ["head", "hand"], joints, np.array(gradient), 10)


def test_an_arrow_points_where_a_joint_had_better_be():
    found = moves([[(0, 0), (0, 0)], [(0, 0), (0, 2.0)]])
    assert shown_frames(found) == [11]
    frame = np.full((100, 100, 3), 250, np.uint8)
    for frames in ({}, {11: frame}):
        image = draw_moves(found, frames)
        body = image[60:300]
        ys, xs = np.nonzero((body == FAULT).all(axis=2))
        _, others = np.nonzero((body == PALETTE[0]).all(axis=2))
        assert np.ptp(ys) > 2 * np.ptp(xs)
        assert np.ptp(xs[ys > 180]) > 2 * np.ptp(xs[ys < 170])  # its head is below
        assert others.max() < xs.min()
        large, other = (np.nonzero((image[320:] == c).all(axis=2)) for c in (FAULT, PALETTE[0]))
        assert large[0].max() < other[0].min()  # the legend
        assert np.ptp(large[1]) >= ARROW > np.ptp(other[1])
    assert has(image, (250, 250, 250))


def test_a_body_in_one_point_that_gains_nothing_can_be_drawn():
    found = moves([[(0.0, 0.0), (0.0, 0.0)]])
    found.joints[:] = 7
    assert draw_moves(found, {}).any()


def test_panels_show_every_label():
    rng = np.random.default_rng(0)
    labels = ["101B", "107B", ""] * 5
    panels = [Panel(name, rng.normal(size=(15, 2)), labels, np.arange(15) > 10) for name in "abcd"]
    image = draw_panels(panels, "note")
    assert image.shape[0] > image.shape[1]
    same_place = Panel("one place", np.zeros((15, 2)), labels, np.zeros(15, bool))
    assert draw_panels([same_place], "").any()


def test_pictures_are_png(tmp_path):
    image = np.zeros((4, 5, 3), np.uint8)
    image[..., 0] = 200
    save_picture(image, tmp_path / "new" / "a.png")
    read = cv2.cvtColor(cv2.imread(str(tmp_path / "new" / "a.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(read, image)
    with pytest.raises(AqaError, match=r"a.jpg: .* ends in \.png"):
        save_picture(image, tmp_path / "a.jpg")


@pytest.mark.parametrize("level", [Point("all", "", 0.5, None), None])
def test_a_curve_has_a_place_for_every_point(level: Point | None) -> None:
    points = [Point(str(i), "flight", 0.25 * i - 0.25, 0.1 if i else None) for i in range(3)]
    image = draw_curve(points, level, "title")
    dots = (image == PALETTE[0]).all(axis=2)
    places = [np.flatnonzero(dots[:, x].any(axis=1)) for x in (slice(60, 150), slice(150, 240))]
    middles = [rows.mean() for rows in places]
    assert middles[0] > middles[1]  # higher values are drawn higher up
    assert (image == SOUND).all(axis=2).any() == (level is not None)


def test_fine_tuning_is_drawn_by_its_start_and_undefined_points_are_left_out() -> None:
    def curves(start: str, values: list[float | None]) -> list[dict]:
        named = {"samples": 25, "start": start, "draw": 0}
        return [named | {"iteration": 100 * i, "spearman": v} for i, v in enumerate(values)]

    rows = curves("random", [None, None, None]) + curves("multi-action", [0.4, 0.6, 0.7])
    image = draw_tuning(TransferResult("ski", ("dive",), 9, 80, 50, {}, rows), side=200)
    plot = image[:160]
    assert image.shape == (240, 200, 3)
    assert has(plot, PALETTE[0])
    assert not has(plot, PALETTE[1])
    worse = rows[:3] + curves("multi-action", [0.1, 0.1, 0.1])
    below = draw_tuning(TransferResult("ski", ("dive",), 9, 80, 50, {}, worse), side=200)[:160]
    height, lower = (
        np.flatnonzero((drawn == PALETTE[0]).all(axis=2).any(axis=1)).mean()
        for drawn in (plot, below)
    )
    assert lower > height

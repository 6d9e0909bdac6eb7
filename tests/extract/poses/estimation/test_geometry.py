"""Regions of pictures, and what the detector's numbers mean."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aqa.extract.poses.estimation.blazepose import CROP, as_body
from aqa.extract.poses.estimation.detector import SIDE, cell_middles, decode, overlap, strongest
from aqa.extract.poses.estimation.regions import Region, upright


@pytest.mark.parametrize("angle", [0.0, 0.7, math.pi / 2, -2.5])
def test_a_crop_shows_what_its_places_say(angle: float) -> None:
    region = Region(50.0, 40.0, 32.0, angle)
    wanted = np.array([[0.25, 0.375]])
    x, y = region.place(wanted)[0]
    picture = np.zeros((80, 100, 3), np.uint8)
    picture[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2] = 255
    seen = region.crop(picture, 64)[..., 0].astype(float)
    at = np.array(np.unravel_index(seen.argmax(), seen.shape))[::-1] / 64
    middle = (np.argwhere(seen > 128)[:, ::-1].mean(axis=0) + 0.5) / 64
    assert np.abs(middle - wanted).max() < 0.05, (at, middle)


def test_a_body_that_lies_is_turned_upright() -> None:
    region = upright(np.array([50.0, 50.0]), np.array([70.0, 50.0]), scale=1.0)
    assert region == Region(50.0, 50.0, 40.0, math.pi / 2)  # the head is at the right
    head = region.place(np.array([[0.5, 0.0]]))
    np.testing.assert_allclose(head, [[70.0, 50.0]])


def test_beyond_the_edge_is_black() -> None:
    seen = Region(0.0, 0.0, 20.0).crop(np.full((30, 30, 3), 200, np.uint8), 20)
    assert not seen[:9, :9].any()
    assert (seen[11:, 11:] == 200).all()


def test_cells_are_counted_row_by_row() -> None:
    middles = cell_middles()
    assert middles.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    np.testing.assert_allclose(middles[2 * 28 + 3], [1.5 / 28, 1.5 / 28])
    np.testing.assert_allclose(middles[-1], [6.5 / 7, 6.5 / 7])


def test_an_answer_is_relative_to_its_cell() -> None:
    answers, logits = np.zeros((2254, 12), np.float32), np.full((2254, 1), -9.0, np.float32)
    for cell, shift in ((700, 0.0), (701, 2.0)):  # two answers for one body
        answers[cell, :8] = [shift, 0, 40, 20, 10, 20, 10, -36]
        logits[cell] = 3.0 - shift
    whole = Region(112.0, 112.0, 224.0)
    (found,) = decode(answers, logits[:, 0], whole, 0.5)
    x, y = (cell_middles()[700] * SIDE).tolist()
    assert found.score == pytest.approx(1 / (1 + math.exp(-3)))
    np.testing.assert_allclose(found.box, [x - 20, y - 10, x + 20, y + 10], atol=1e-4)
    np.testing.assert_allclose([found.hips, found.top], [[x + 10, y + 20], [x + 10, y - 36]])
    assert found.region.size == pytest.approx(2 * 56 * 1.25)
    assert decode(answers, logits[:, 0], whole, 0.99) == []


def test_of_boxes_that_overlap_the_best_is_left() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10], [5, 0, 15, 10]], float)
    assert overlap(boxes[0], boxes[1]) == pytest.approx(90 / 110)
    assert overlap(boxes[0], boxes[2]) == 0
    assert strongest(boxes, 0.3) == [0, 2]
    assert strongest(boxes, 0.5) == [0, 2, 3]


def test_points_of_the_crop_become_joints() -> None:
    points = np.zeros((39, 5), np.float32)
    points[:, :2] = CROP / 2
    points[2] = [CROP, 0, 9, 100, 0]  # the right upper corner, seen, perhaps in the picture
    points[34, 1] = CROP / 4  # a quarter of the crop above the middle
    body = as_body(points, 0.75, Region(100.0, 80.0, 40.0))
    np.testing.assert_allclose(body.places[2], [120.0, 60.0])
    assert (body.confidence[2], body.confidence[0]) == (pytest.approx(0.5), pytest.approx(0.25))
    assert body.places.shape == (33, 2)
    assert body.next == Region(100.0, 80.0, pytest.approx(2 * 10 * 1.25), 0.0)

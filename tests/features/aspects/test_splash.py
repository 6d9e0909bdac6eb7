"""White water around the place where a body goes in."""

from __future__ import annotations

import numpy as np
import pytest

from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.measure import Measured, Seen, measure
from aqa.features.aspects.read import load_aspects
from aqa.features.aspects.splash import WhiteFrames

NAMES = ("neck", "pelvis", "left knee", "right knee", "left ankle", "right ankle")


def splash(joints: np.ndarray) -> Measured:
    """Of 20 frames, 10 a second; from the third after the entry, at frame 5, 5 x 4 are white."""
    shares = np.zeros((20, 60, 80), np.uint8)
    shares[8:, 30:34, 40:45] = 255
    shares[:, 36] = 255  # the edge of the pool
    confidence = np.full(joints.shape[:2], 0.5)
    confidence[:, 0] = 0.8
    seen = Seen(
        BodyJoints.of(joints, NAMES, confidence), 10.0, {"entry": 5}, {}, WhiteFrames(shares, 2.0)
    )
    return measure(load_aspects("diving"), seen)["splash"]


def standing(x: float, y: float) -> np.ndarray:
    """A body head down, 30 pixels long, the neck at a place of the video."""
    heights = np.array([0, -10, -20, -20, -30, -30])
    one = np.stack([np.full(6, x), y + heights], axis=1)
    return np.repeat(one[None].astype(float), 20, axis=0)


def test_white_area_in_squares_of_a_body_length() -> None:
    found = splash(standing(80, 70))
    assert found.value == pytest.approx(20 / 15**2)
    assert found.frame == 8
    assert found.confidence == pytest.approx(0.8)  # of the neck, which is lowest


def test_no_area_without_a_place() -> None:
    outside = splash(standing(900, 70))
    assert outside.value is None
    assert outside.why == "no frame there shows it"
    deep = np.concatenate([standing(80, 70), np.zeros((20, 6, 1))], axis=2)
    assert "x, y and z" in splash(deep).why

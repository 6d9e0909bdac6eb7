"""A stand-in for the networks, which sees a white cross, and videos of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from aqa.extract.checkpoints.packaged_networks import BLAZEPOSE
from aqa.extract.poses.estimation.blazepose import JOINTS, BodyPose
from aqa.extract.poses.estimation.detector import Detection
from aqa.extract.poses.estimation.regions import Region

SIDE = 16.0


class CrossNetworks:
    """Sees the middle of what is white; its joints are about it, farther apart farther down."""

    def __init__(self) -> None:
        self.detections = 0
        self.known = BLAZEPOSE

    def detect(self, frame: np.ndarray, least: float = 0.5) -> list[Detection]:
        self.detections += 1
        y, x = np.nonzero(frame.min(axis=2) > 200)
        if not len(x):
            return []
        middle = np.array([x.mean(), y.mean()])
        box = np.concatenate([middle - SIDE / 2, middle + SIDE / 2])
        return [Detection(0.9, box, middle, middle - [0.0, SIDE / 2])]

    def body(self, frame: np.ndarray, region: Region) -> BodyPose:
        inside = region.crop(frame, 32).min(axis=2) > 200
        y, x = np.nonzero(inside)
        score = 0.95 if len(x) else 0.01
        middle = np.array([[x.mean(), y.mean()]]) / 32 if len(x) else np.full((1, 2), 0.5)
        place = region.place(middle + 0.5 / 32)[0]
        offsets = np.stack([np.arange(len(JOINTS)) % 4, np.arange(len(JOINTS)) // 4], axis=1)
        after = Region(float(place[0]), float(place[1]), SIDE * 1.25)
        return BodyPose(place + offsets * place[1] / 20, np.full(len(JOINTS), 0.8), score, after)


@pytest.fixture
def networks() -> CrossNetworks:
    return CrossNetworks()


@pytest.fixture
def crosses(write_video: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a video: a white cross at each of the places, none where that is None."""

    def make(places: Sequence[tuple[int, int] | None], name: str = "cross.avi") -> Path:
        return write_video(name, [cross(place) for place in places])

    return make


def cross(place: tuple[int, int] | None, size: tuple[int, int] = (64, 96)) -> np.ndarray:
    """A frame with a white cross about x, y."""
    frame = np.full((*size, 3), 40, np.uint8)
    if place is not None:
        x, y = place
        frame[y - 1 : y + 2, x - 4 : x + 5] = 255
        frame[y - 4 : y + 5, x - 1 : x + 2] = 255
    return frame

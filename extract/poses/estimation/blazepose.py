"""The two networks of BlazePose: one finds bodies, the other the joints of one body."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.checkpoints.packaged_networks import PackagedNetworks
from aqa.extract.poses.estimation.detector import SIDE, Detection, decode
from aqa.extract.poses.estimation.regions import Points, Region, upright
from aqa.extract.poses.names import MEDIAPIPE
from aqa.extract.video.source import Frame

JOINTS = MEDIAPIPE
"""The names of the joints, in their order."""

CROP = 256
"""Side of the square that the network for joints takes, in pixels."""

_N_POINTS = 39  # the 33 joints, two points of the region of the next frame, and four unused ones


class BodyPose(NamedTuple):
    """The joints of one body on one frame.

    places: (33, 2) in pixels of the picture. confidence: (33,), 0 to 1: how sure it is that the
    joint is in the picture and not hidden. score: 0 to 1, how sure that a body is there. next:
    where to look for the body on the next frame.
    """

    places: Points
    confidence: Points
    score: float
    next: Region


class BlazePose:
    """Finds bodies and joints in pictures; slow to make, so made once per process.

    known: which of the published networks the two files are.
    """

    def __init__(self, detector: Path, landmarks: Path, known: PackagedNetworks, threads: int = 1):
        self.known = known
        self._detector = _Network(detector, threads, ((1, 2254, 12), (1, 2254, 1)))
        self._landmarks = _Network(landmarks, threads, ((1, 5 * _N_POINTS), (1, 1)))

    def detect(self, frame: Frame, least: float = 0.5) -> list[Detection]:
        """The bodies in a picture, best first. least: score of one that counts."""
        height, width = frame.shape[:2]
        whole = Region(width / 2, height / 2, max(height, width))
        picture = np.asarray(whole.crop(frame, SIDE) / 127.5 - 1, np.float32)
        answers, logits = self._detector(picture)
        return decode(answers[0], logits[0, :, 0], whole, least)

    def body(self, frame: Frame, region: Region) -> BodyPose:
        """The joints of the body that is, or is supposed to be, in a region."""
        points, score = self._landmarks(np.asarray(region.crop(frame, CROP) / 255, np.float32))
        return as_body(points.reshape(_N_POINTS, 5), float(score[0, 0]), region)


def as_body(points: NDArray[np.float32], score: float, region: Region) -> BodyPose:
    """The network's 39 points of x, y, z in pixels of the crop and the logits of two chances.

    These are: that the joint is not hidden, and that it is in the crop.
    """
    places = region.place(points[:, :2].astype(np.float64) / CROP)
    chances = 1 / (1 + np.exp(-np.clip(points[:, 3:].astype(np.float64), -60, 60)))
    n = len(JOINTS)
    return BodyPose(places[:n], chances[:n].prod(axis=1), score, upright(places[n], places[n + 1]))


class _Network:
    """A TensorFlow Lite file: a picture in, arrays of these shapes out."""

    def __init__(self, path: Path, threads: int, shapes: tuple[tuple[int, ...], ...]):
        self._interpreter = _interpreter(path, threads)
        outputs = self._interpreter.get_output_details()
        self._input = self._interpreter.get_input_details()[0]["index"]
        by_shape = {tuple(map(int, out["shape"])): out["index"] for out in outputs}
        if not set(shapes) <= set(by_shape):
            raise AqaError(f"{path}: not the network of BlazePose: it gives {sorted(by_shape)}")
        self._outputs = [by_shape[shape] for shape in shapes]

    def __call__(self, picture: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self._interpreter.set_tensor(self._input, picture[None])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _interpreter(path: Path, threads: int) -> Any:
    try:
        interpreter_of = importlib.import_module("ai_edge_litert.interpreter").Interpreter
    except ImportError:
        raise AqaError(
            "estimating joints needs the package ai-edge-litert: pip install 'aqa-toolkit[poses]'"
        ) from None
    try:
        interpreter = interpreter_of(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise AqaError(f"{path}: no TensorFlow Lite network ({error})") from None
    return interpreter

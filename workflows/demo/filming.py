"""A dive drawn frame by frame, and written as a video.

>>> from aqa.workflows.demo.sampling import sample_dive
>>> dive = sample_dive(0, 3)
>>> frames = list(draw(dive))
>>> len(frames) == dive.n_frames and frames[0].shape == (240, 320, 3)
True
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from aqa.errors import AqaError
from aqa.files import replacing
from aqa.workflows.demo.camera import HEIGHT, WIDTH, follow
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.diver import Joint
from aqa.workflows.demo.figure import Image, draw_figure
from aqa.workflows.demo.motion import FPS, move
from aqa.workflows.demo.scene import Scene, submerge
from aqa.workflows.demo.splash import Splash

JOINTS = tuple(
    (" ".join(reversed(joint.name.lower().split("_"))), joint)
    for joint in sorted(Joint, key=lambda joint: joint is not Joint.HEAD)
)
"""The joints that are written for each video, with their names; the head comes first."""


def draw(dive: Dive) -> Iterator[Image]:
    """Yield the frames of a dive: uint8 RGB `(240, 320, 3)`, 30 per second."""
    joints, centres = move(dive.type, dive.timing, dive.faults)
    views = follow(centres, dive.handling, FPS)
    scene = Scene(dive.look, HEIGHT / dive.handling.view)
    splash = _splash(dive, float(joints[dive.stages.entry, Joint.HAND_LEFT, 0]))
    for frame, view in enumerate(views):
        image = scene.behind(view, frame)
        if frame < dive.stages.ending:
            empty = image.copy()
            draw_figure(image, joints[frame], view, dive.outfit)
            submerge(image, empty, view)
        splash.draw(image, view, frame)
        yield scene.finish(image, frame)


def joints_of(dive: Dive) -> np.ndarray:
    """Where the diver's joints are drawn: float32 (frames, 17, 2), pixels, in order of `JOINTS`.

    NaN on the frames of the ending, on which no diver is drawn.
    """
    joints, centres = move(dive.type, dive.timing, dive.faults)
    views = follow(centres, dive.handling, FPS)
    order = [joint for _, joint in JOINTS]
    places = np.stack(
        [view.pixels(body[order, :2]) for view, body in zip(views, joints, strict=True)]
    )
    places[dive.stages.ending :] = np.nan
    return places.astype(np.float32)


def film(dive: Dive, path: Path) -> None:
    """Write the video of a dive; a reader sees the whole file or none."""
    with replacing(path, suffix=path.suffix) as temporary:
        _encode(dive, temporary, path)


def _encode(dive: Dive, temporary: Path, path: Path) -> None:
    codec = cv2.VideoWriter.fourcc(*"mp4v")
    writer = cv2.VideoWriter(os.fspath(temporary), codec, FPS, (WIDTH, HEIGHT))
    try:
        if not writer.isOpened():
            raise AqaError(
                f"{path}: OpenCV cannot write an mp4v video here; check that the folder can be "
                "written to and that this OpenCV has FFmpeg, as opencv-python-headless does"
            )
        for frame in draw(dive):
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    finally:
        writer.release()
    written = _count_frames(temporary)
    if written != dive.n_frames:
        raise AqaError(
            f"{path}: {written} of {dive.n_frames} frames were written; check the space on its disk"
        )


def _count_frames(path: Path) -> int:
    reader = cv2.VideoCapture(os.fspath(path))
    try:
        return round(reader.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        reader.release()


def _splash(dive: Dive, x: float) -> Splash:
    large = [fault for fault in dive.faults if fault.name == "large_splash"]
    severity, start = (large[0].severity, large[0].start) if large else (0.0, 0)
    return Splash(x, dive.stages.entry, severity, start, dive.look.texture)

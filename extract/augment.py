"""Augmented views of a video: other pixels or other clip starts, from one decoding.

jain2020 §III-C augments the metric's training videos by zoom, brightness, dropping random frames,
background masking and histogram equalisation, and states no parameters: all strengths here are
ours. li2018end, li2018scoringnet and parmar2019action shift the start by up to 5 frames; farabi2021
flips.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import UnknownNameError
from aqa.features.clips import ClipRule

Frame = NDArray[np.uint8]
# A frame, uint8 RGB (H, W, 3), to what a view makes of it; None: left out.
Look = Callable[[Frame], Frame | None]

ZOOM = (0.75, 0.95)
BRIGHTNESS = (0.6, 1.4)
DROPPED = 0.1
SHIFTS = 5


def _original(rng: np.random.Generator) -> Look:
    return lambda frame: frame


def _flip(rng: np.random.Generator) -> Look:
    return lambda frame: np.ascontiguousarray(frame[:, ::-1])


def _bright(rng: np.random.Generator) -> Look:
    """One gain for all frames of a video."""
    gain = rng.uniform(*BRIGHTNESS)
    table = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
    return lambda frame: table[frame]


def _zoom(rng: np.random.Generator) -> Look:
    """The middle of every frame, one share of its height and width for the whole video."""
    share = rng.uniform(*ZOOM)

    def look(frame: Frame) -> Frame:
        height, width = (max(round(share * size), 1) for size in frame.shape[:2])
        top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
        return frame[top : top + height, left : left + width]

    return look


def _mask(rng: np.random.Generator) -> Look:
    """What does not move is blackened: by a running model of the background, grown a little."""
    background = cv2.createBackgroundSubtractorMOG2(history=50, detectShadows=False)
    kernel = np.ones((7, 7), np.uint8)

    def look(frame: Frame) -> Frame:
        moving = cv2.dilate(background.apply(frame), kernel) > 0
        return np.where(moving[..., None], frame, np.uint8(0))

    return look


def _equalize(rng: np.random.Generator) -> Look:
    """Histogram equalisation of the brightness."""

    def look(frame: Frame) -> Frame:
        parts = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb), np.uint8)
        parts[..., 0] = cv2.equalizeHist(parts[..., 0])
        return np.asarray(cv2.cvtColor(parts, cv2.COLOR_YCrCb2RGB), np.uint8)

    return look


def _drop(rng: np.random.Generator) -> Look:
    """Every frame is left out with the same chance; but the first, so that one is left."""
    chances = itertools.chain((1.0,), iter(rng.random, None))
    return lambda frame: frame if next(chances) >= DROPPED else None


_LOOKS: dict[str, Callable[[np.random.Generator], Look]] = {
    "original": _original,
    "flip": _flip,
    "bright": _bright,
    "zoom": _zoom,
    "mask": _mask,
    "equalize": _equalize,
    "drop": _drop,
    # As the original, but every clip starts so many frames later.
    **{f"shift{k}": _original for k in range(1, SHIFTS + 1)},
}
VIEWS = tuple(_LOOKS)


@dataclass(frozen=True)
class View:
    """One view of one video: how its frames look, and how they are cut."""

    look: Look
    rule: ClipRule


def check_views(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with the original in front; `UnknownNameError` for one that is no view."""
    for name in names:
        if name not in VIEWS:
            raise UnknownNameError("view", name, VIEWS)
    return tuple(dict.fromkeys(["original", *names]))


def make_views(names: Sequence[str], rule: ClipRule, video_id: str, seed: int) -> list[View]:
    """The views of a video, drawn by `(seed, video id, view)` alone."""
    views = []
    for name in names:
        rng = np.random.default_rng([seed, zlib.crc32(f"{name}/{video_id}".encode())])
        shift = int(name.removeprefix("shift")) if name.startswith("shift") else 0
        views.append(View(_LOOKS[name](rng), replace(rule, shift=shift)))
    return views

"""Augmentations of a video: other pixels or other clip starts, from one decoding.

jain2020 §III-C augments the metric's training videos by zoom, brightness, dropping random frames,
background masking and histogram equalisation, and states no parameters: all strengths here are
ours. li2018end, li2018scoringnet and parmar2019action shift the start by up to 5 frames; farabi2021
flips, and leaves out up to 5 frames at the end.
"""

from __future__ import annotations

import itertools
import string
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, UnknownNameError
from aqa.features.clips import ClipRule

Frame = NDArray[np.uint8]
# A frame, uint8 RGB (H, W, 3) -> the augmented frame, or None where it is left out.
FrameChange = Callable[[Frame], Frame | None]

ZOOM = (0.75, 0.95)
BRIGHTNESS = (0.6, 1.4)
DROPPED = 0.1
SHIFTS = 5


def _original(rng: np.random.Generator) -> FrameChange:
    return lambda frame: frame


def _flip(rng: np.random.Generator) -> FrameChange:
    return lambda frame: np.ascontiguousarray(frame[:, ::-1])


def _bright(rng: np.random.Generator) -> FrameChange:
    """One gain for all frames of a video."""
    gain = rng.uniform(*BRIGHTNESS)
    table = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
    return lambda frame: table[frame]


def _zoom(rng: np.random.Generator) -> FrameChange:
    """Cuts out the middle of every frame: the same share of height and width in all frames."""
    share = rng.uniform(*ZOOM)

    def change(frame: Frame) -> Frame:
        height, width = (max(round(share * size), 1) for size in frame.shape[:2])
        top, left = (frame.shape[0] - height) // 2, (frame.shape[1] - width) // 2
        return frame[top : top + height, left : left + width]

    return change


def _mask(rng: np.random.Generator) -> FrameChange:
    """Blackens what does not move, by a running model of the background; what moves is grown."""
    background = cv2.createBackgroundSubtractorMOG2(history=50, detectShadows=False)
    kernel = np.ones((7, 7), np.uint8)

    def change(frame: Frame) -> Frame:
        moving = cv2.dilate(background.apply(frame), kernel) > 0
        return np.where(moving[..., None], frame, np.uint8(0))

    return change


def _equalize(rng: np.random.Generator) -> FrameChange:
    """Histogram equalisation of the brightness."""

    def change(frame: Frame) -> Frame:
        channels = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb), np.uint8)
        channels[..., 0] = cv2.equalizeHist(channels[..., 0])
        return np.asarray(cv2.cvtColor(channels, cv2.COLOR_YCrCb2RGB), np.uint8)

    return change


def _drop(rng: np.random.Generator) -> FrameChange:
    """Leaves out each frame with the same chance, except the first, so that one is left."""
    chances = itertools.chain((1.0,), iter(rng.random, None))
    return lambda frame: frame if next(chances) >= DROPPED else None


_CHANGES: dict[str, Callable[[np.random.Generator], FrameChange]] = {
    "original": _original,
    "flip": _flip,
    "bright": _bright,
    "zoom": _zoom,
    "mask": _mask,
    "equalize": _equalize,
    "drop": _drop,
    # The frames of the original; every clip starts so many frames later.
    **{f"shift{k}": _original for k in range(1, SHIFTS + 1)},
    # The frames of the original, without so many at the end.
    **{f"end{k}": _original for k in range(1, SHIFTS + 1)},
}
AUGMENTATIONS = tuple(_CHANGES)
# Joins the names of augmentations that are applied together, one after the other.
JOINT = "+"
# The start of a name -> the field of `ClipRule` that it sets to the number after it.
_SHIFTED = {"shift": "shift", "end": "end_shift"}


@dataclass(frozen=True)
class Augmentation:
    """One augmentation of one video: what becomes of its frames, and how it is cut into clips.

    unchanged: whether every frame stays what it is, so that it need not be looked at.
    """

    change: FrameChange
    rule: ClipRule
    unchanged: bool = False


def check_augmentations(names: Sequence[str]) -> tuple[str, ...]:
    """The names, with the original in front; `UnknownNameError` for one that is none.

    A name may be several joined by `+`, such as flip+end3, of which one at most shifts the start
    and one the end.
    """
    for name in names:
        _check_parts(name)
    return tuple(dict.fromkeys(["original", *names]))


def _check_parts(name: str) -> None:
    parts = name.split(JOINT)
    for part in parts:
        if part not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", part, AUGMENTATIONS)
    kinds = [_field(part) or part for part in parts]
    if len(set(kinds)) < len(kinds) or (len(parts) > 1 and "original" in parts):
        raise AqaError(
            f"augmentation {name!r}: joins the same change twice, or the original, with another; "
            "join different ones, such as flip+end3"
        )


def _field(part: str) -> str | None:
    """The field of `ClipRule` that an augmentation sets, if it sets one."""
    return _SHIFTED.get(part.rstrip("0123456789"))


def make_augmentations(
    names: Sequence[str], rule: ClipRule, video_id: str, seed: int
) -> list[Augmentation]:
    """The augmentations of a video, drawn by `(seed, video id, name)` alone."""
    made = []
    for name in names:
        parts = name.split(JOINT)
        shifts: dict[str, Any] = {
            field: int(part.lstrip(string.ascii_letters))
            for part in parts
            for field in [_field(part)]
            if field
        }
        changes = [_CHANGES[part](_drawn(part, video_id, seed)) for part in parts]
        unchanged = all(_CHANGES[part] is _original for part in parts)
        made.append(Augmentation(_one_after_the_other(changes), replace(rule, **shifts), unchanged))
    return made


def _drawn(part: str, video_id: str, seed: int) -> np.random.Generator:
    return np.random.default_rng(
        [seed, zlib.crc32(f"{part}/{video_id}".encode(errors="surrogateescape"))]
    )


def _one_after_the_other(changes: Sequence[FrameChange]) -> FrameChange:
    """All changes of a frame; None as soon as one leaves it out."""

    def change(frame: Frame) -> Frame | None:
        changed: Frame | None = frame
        for one in changes:
            if changed is not None:
                changed = one(changed)
        return changed

    return change

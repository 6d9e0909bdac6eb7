"""Which frames of a video the rows of an imported array are of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.clips import Clip, ClipRule

Array = NDArray[np.floating]
# The longest clip that a store can hold.
_LONGEST = 4096


class Timed(NamedTuple):
    """One video's features, (clips, dim), the clips behind the rows, and its number of frames."""

    features: Array
    clips: list[Clip]
    n_frames: int


@dataclass(frozen=True)
class RowTiming:
    """What is known of the time of imported rows.

    fps: frames per second. clip_length, stride: each row is of so many frames, and starts so many
    after the one before it; a stride that is not given is the length. window: rows are single
    frames, cut into clips of so many, every `stride` frames; the last clip ends at the last frame.
    A clip's feature is then the mean and the standard deviation of each column over its frames.
    """

    fps: float | None = None
    clip_length: int | None = None
    stride: int | None = None
    window: int | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            raise AqaError(f"--fps {self.fps:g} is no number of frames per second")
        for option, value in (
            ("--clip-length", self.clip_length),
            ("--stride", self.stride),
            ("--window", self.window),
        ):
            if value is not None and not 1 <= value <= _LONGEST:
                raise AqaError(f"{option} {value} is not from 1 to {_LONGEST} frames")
        if self.window is not None and self.clip_length is not None:
            raise AqaError(
                "--window cuts rows of single frames into clips, --clip-length says that the rows "
                "are clips already: give one of them"
            )
        if self.length is None and self.stride is not None:
            raise AqaError("--stride needs --clip-length (rows are clips) or --window (frames)")
        if self.fps is not None and self.length is None:
            raise AqaError(
                "--fps needs --clip-length: how many frames each row is of (1: single frames), or "
                "--window: how many rows to put together"
            )

    @property
    def length(self) -> int | None:
        """Frames per clip, as the store's spec tells it; None where it is not known."""
        return self.window or self.clip_length

    @property
    def step(self) -> int | None:
        """Frames from one clip to the next; None where it is not known."""
        return self.stride or self.length


def cut(arrays: Mapping[str, Array], timing: RowTiming) -> dict[str, Timed]:
    """The clips of each video, as `timing` says; where it says nothing, a row counts as a frame."""
    if timing.window is not None:
        rule = ClipRule(length=timing.window, stride=timing.step or 1)
        return {i: _windows(i, array, rule) for i, array in arrays.items()}
    length, step = timing.length or 1, timing.step or 1
    timed = {}
    for video_id, array in arrays.items():
        rows = array[None] if array.ndim == 1 else array
        clips = [Clip(k * step, k * step + length) for k in range(len(rows))]
        timed[video_id] = Timed(rows, clips, (len(rows) - 1) * step + length)
    return timed


def _windows(video_id: str, array: Array, rule: ClipRule) -> Timed:
    if array.ndim != 2 or not len(array):
        raise AqaError(
            f"{video_id}: shape {array.shape}; --window needs (frames, columns), a row per frame"
        )
    clips = rule.clips(len(array))
    rows = [array[max(clip.start, 0) : clip.stop].astype(np.float64) for clip in clips]
    features = np.stack([np.r_[part.mean(axis=0), part.std(axis=0)] for part in rows])
    return Timed(features, clips, len(array))

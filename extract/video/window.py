"""From a stream of frames to clips of them, holding only the frames that a clip can still need."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip, ClipRule

Frames = NDArray[np.uint8]


class FramedClip(NamedTuple):
    """A clip and its frames, uint8 (length, H, W, 3); None for a clip that is all padding."""

    clip: Clip
    frames: Frames | None


class ClipWindow:
    """Cuts frames, each uint8 (H, W, 3), into the clips that `rule` makes of them.

    `push` gives a clip as soon as it is certain, mostly when its last frame has come; `finish`
    gives those that depend on where the video ends. `n_frames` counts the frames that were pushed.
    """

    def __init__(self, rule: ClipRule):
        self.n_frames = 0
        self._rule = rule
        self._n_clips = 0
        # Such clips depend on where the video ends.
        self._waits = rule.video_length is not None or rule.spread
        self._held: deque[Frames] = deque(maxlen=_held_at_most(rule))

    def push(self, frame: Frames) -> list[FramedClip]:
        """Take the next frame; the clip that ends with it, if one does."""
        rule = self._rule
        self._held.append(frame)
        self.n_frames += 1
        start = self.n_frames - rule.end_shift - rule.length
        if self._waits or start < rule.shift or (start - rule.shift) % rule.stride:
            return []
        self._n_clips += 1
        frames = np.stack([self._held[i] for i in range(rule.length)])
        return [FramedClip(Clip(start, start + rule.length), frames)]

    def finish(self) -> list[FramedClip]:
        """The clips that `push` could not know of."""
        if not self.n_frames:
            return []
        clips = self._rule.clips(self.n_frames)[self._n_clips :]
        return [FramedClip(clip, self._frames_of(clip)) for clip in clips]

    def _frames_of(self, clip: Clip) -> Frames | None:
        shown = self._rule.shown(self.n_frames)
        if clip.is_blank(shown):
            return None
        first_held = self.n_frames - len(self._held)
        black = np.zeros_like(self._held[0])
        return np.stack(
            [
                self._held[i - first_held] if 0 <= i < shown else black
                for i in self._rule.frames_of(clip)
            ]
        )


def _held_at_most(rule: ClipRule) -> int | None:
    """How many frames clips can still need; None: all."""
    if rule.spread and rule.video_length is None:
        return None
    return (rule.video_length or rule.length) + rule.end_shift

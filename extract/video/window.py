"""From a stream of pictures to clips of them, holding only the frames a clip can still need."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip, ClipRule

Pictures = NDArray[np.uint8]
# A clip and its pictures, uint8 (length, H, W, 3); None for one that is all padding.
Cut = tuple[Clip, Pictures | None]


class Cutter:
    """Cuts pictures, each uint8 (H, W, 3), into the clips that `rule` makes of them.

    `push` gives a clip as soon as its last frame has come; `finish` gives those that depend on
    where the video ends. `n_frames` counts what was pushed.
    """

    def __init__(self, rule: ClipRule):
        self.n_frames = 0
        self._rule = rule
        self._emitted = 0
        self._held: deque[Pictures] = deque(maxlen=rule.frames or rule.length)

    def push(self, picture: Pictures) -> list[Cut]:
        """Take the next picture; the clip that ends with it, if one does."""
        rule = self._rule
        self._held.append(picture)
        self.n_frames += 1
        start = self.n_frames - rule.length
        if rule.frames is not None or start < rule.shift or (start - rule.shift) % rule.stride:
            return []
        self._emitted += 1
        return [(Clip(start, self.n_frames), np.stack(self._held))]

    def finish(self) -> list[Cut]:
        """The clips that `push` could not know of."""
        if not self.n_frames:
            return []
        clips = self._rule.clips(self.n_frames)[self._emitted :]
        return [(clip, self._gather(clip)) for clip in clips]

    def _gather(self, clip: Clip) -> Pictures | None:
        if clip.is_blank(self.n_frames):
            return None
        first_held = self.n_frames - len(self._held)
        black = np.zeros_like(self._held[0])
        return np.stack(
            [
                self._held[i - first_held] if 0 <= i < self.n_frames else black
                for i in range(clip.start, clip.stop)
            ]
        )

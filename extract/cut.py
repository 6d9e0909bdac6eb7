"""From a stream of pictures to clips of them, holding only the frames a clip can still need."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip, ClipRule

Pictures = NDArray[np.uint8]


class Cutter:
    """Cuts pictures, each uint8 (H, W, 3), into the clips that `rule` makes of them.

    Iterate over it once. It yields a clip as soon as its last frame has come, and the clips that
    depend on where the video ends at the end: (Clip, uint8 (length, H, W, 3)), with None in place
    of the pictures of a clip that is all padding. Afterwards `n_frames` is known.
    """

    def __init__(self, pictures: Iterator[Pictures], rule: ClipRule):
        self.n_frames = 0
        self._pictures = pictures
        self._rule = rule
        self._held: deque[Pictures] = deque(maxlen=rule.frames or rule.length)

    def __iter__(self) -> Iterator[tuple[Clip, Pictures | None]]:
        rule = self._rule
        emitted = 0
        for picture in self._pictures:
            self._held.append(picture)
            self.n_frames += 1
            start = self.n_frames - rule.length
            if rule.frames is None and start >= 0 and start % rule.stride == 0:
                yield Clip(start, self.n_frames), np.stack(self._held)
                emitted += 1
        if self.n_frames:
            for clip in rule.clips(self.n_frames)[emitted:]:
                yield clip, self._gather(clip)

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

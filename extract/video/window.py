"""From a stream of frames to clips of them, holding only the frames that a clip can need."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import replace
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
        assert not depends_on_length(rule), "SpreadWindow takes such a rule"
        self.n_frames = 0
        self._rule = rule
        self._n_clips = 0
        # Such clips depend on where the video ends.
        self._waits = rule.video_length is not None
        self._held: deque[Frames] = deque(maxlen=_held_at_most(rule))

    def push(self, frame: Frames) -> list[FramedClip]:
        """Take the next frame; the clip that ends with it, if one does."""
        rule = self._rule
        self._held.append(frame)
        self.n_frames += 1
        covered = rule.window or rule.length
        start = self.n_frames - rule.end_shift - covered
        if self._waits or start < rule.shift or (start - rule.shift) % rule.stride:
            return []
        self._n_clips += 1
        frames = np.stack([self._held[i] for i in rule.frames_of(Clip(0, covered))])
        return [FramedClip(Clip(start, start + covered), frames)]

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


def _held_at_most(rule: ClipRule) -> int:
    """How many frames clips can still need."""
    return (rule.video_length or rule.window or rule.length) + rule.end_shift


class ShotWindow:
    """As `ClipWindow`, for a rule that cuts every shot by itself: `cut` says that one has ended.

    `short` has the shots that were left out, since they are shorter than a clip.
    """

    def __init__(self, rule: ClipRule):
        self._rule = replace(rule, cuts="ignore")
        self._start = 0
        self._shot = ClipWindow(self._rule)
        self.short: list[Clip] = []

    @property
    def n_frames(self) -> int:
        """How many frames were pushed, of all shots."""
        return self._start + self._shot.n_frames

    def push(self, frame: Frames) -> list[FramedClip]:
        """Take the next frame; the clip that ends with it, if one does."""
        return self._placed(self._shot.push(frame))

    def cut(self) -> list[FramedClip]:
        """The next frame is the first of another shot: the clips that end this one."""
        last = self._last()
        self._start, self._shot = self.n_frames, ClipWindow(self._rule)
        return last

    def finish(self) -> list[FramedClip]:
        """The clips that end the last shot; of a video of one shot, however short it is."""
        return self._last() if self._start else self._shot.finish()

    def _last(self) -> list[FramedClip]:
        if self._shot.n_frames >= (self._rule.window or self._rule.length):
            return self._placed(self._shot.finish())
        self.short.append(Clip(self._start, self.n_frames))
        return []

    def _placed(self, made: list[FramedClip]) -> list[FramedClip]:
        shift = self._start
        return [FramedClip(Clip(c.start + shift, c.stop + shift), frames) for c, frames in made]


class SpreadWindow:
    """Takes from a stream of frames the one clip that is spread over all of a video.

    Which frames it shows depends on how many there will be: `expected`. Only these are held, and
    `finish` gives the clip if so many have come. If not, it is `missed`: the frames must be pushed
    once more, into a window that expects `n_frames`.
    """

    def __init__(self, rule: ClipRule, expected: int):
        self.n_frames = 0
        self._expected = expected
        (self._clip,) = rule.clips(expected)
        self._numbers = rule.frames_of(self._clip)
        self._held = dict.fromkeys(self._numbers, np.zeros(0, np.uint8))

    @property
    def wanted(self) -> Collection[int]:
        """The numbers of the frames that the clip shows, if as many come as are expected."""
        return self._held.keys()

    def push(self, frame: Frames) -> list[FramedClip]:
        """Take the next frame; gives no clip yet."""
        if self.n_frames in self._held:
            self._held[self.n_frames] = frame
        self.n_frames += 1
        return []

    @property
    def missed(self) -> bool:
        """Whether another number of frames has come than was expected."""
        return 0 < self.n_frames != self._expected

    def finish(self) -> list[FramedClip]:
        """The clip; nothing where no frame has come, or another number than was expected."""
        if self.n_frames != self._expected:
            return []
        return [FramedClip(self._clip, np.stack([self._held[i] for i in self._numbers]))]


def depends_on_length(rule: ClipRule) -> bool:
    """Whether no frame can be let go before it is known how many the video has."""
    return rule.spread and rule.video_length is None

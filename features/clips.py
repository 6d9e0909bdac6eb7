"""From the number of a video's frames to clips: pure functions, without images or files.

Frames are counted from 0. A clip is a half-open range of frame numbers. It may reach outside
`[0, n_frames)`: those frames are padding, which the extractor shows to the network as black.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from aqa.errors import AqaError

Pad = Literal["front", "back"]
Tail = Literal["shift", "drop", "pad"]
Cuts = Literal["ignore", "split"]


class Clip(NamedTuple):
    """Frames `start <= i < stop` of a video; those outside the video are padding."""

    start: int
    stop: int

    def is_blank(self, n_frames: int) -> bool:
        """Whether the whole clip is padding in a video of `n_frames` frames."""
        return self.stop <= 0 or self.start >= n_frames


def _shift(start: int, stop: int, length: int) -> list[Clip]:
    return [Clip(stop - length, stop)]


def _drop(start: int, stop: int, length: int) -> list[Clip]:
    return []


def _pad(start: int, stop: int, length: int) -> list[Clip]:
    return [Clip(start, start + length)] if start < stop else []


# What becomes of the frames after the last whole clip: (start of the next clip, end of the
# video, clip length) -> the clips that hold them.
_TAILS: dict[str, Callable[[int, int, int], list[Clip]]] = {
    "shift": _shift,
    "drop": _drop,
    "pad": _pad,
}


@dataclass(frozen=True)
class ClipRule:
    """How videos are cut into clips.

    length: frames per clip.
    stride: frames from the start of one clip to the start of the next.
    video_length: how many frames every video is given: a longer video its last ones, a shorter one
        padding (li2018end §4.1, farabi2021 §4.1, parmar2019action §4.1). None: as many as it has.
    pad: where padding goes; parmar2019action puts it in front.
    tail: what becomes of the frames after the last whole clip. `shift` (the default: no frame is
        lost) adds a clip that ends at the last frame; `drop` leaves them out, as farabi2021 and
        parmar2019action do; `pad` adds a clip that is padded at its end.
    shift: how many frames later every clip starts, as long as one clip is left: the temporal
        augmentation of li2018end §4.1 and parmar2019action §4.1.
    end_shift: how many frames are left out at the end of the video, as long as one clip is left:
        the temporal augmentation of farabi2021 §4.1.
    spread: one clip, whose frames are spread evenly over the whole video, instead of clips of
        frames that follow one another; `stride` and `tail` then mean nothing.
    window: how many frames of the video a clip covers; its `length` frames are spread evenly over
        them, such as every fourth of 64. A shorter video is one clip that covers all of it. None:
        the frames of a clip follow one another.
    cuts: `split`: every shot of a video is cut into clips by itself, so that no clip shows two;
        shots that are shorter than a clip are left out. The other functions here are then about
        one shot. `ignore`: where one shot ends and another begins does not matter.
    """

    length: int = 16
    stride: int = 16
    video_length: int | None = None
    pad: Pad = "front"
    tail: Tail = "shift"
    shift: int = 0
    end_shift: int = 0
    spread: bool = False
    window: int | None = None
    cuts: Cuts = "ignore"

    def __post_init__(self) -> None:
        for name in ("length", "stride", "video_length", "window"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise AqaError(f"clip rule: {name}={value} is not a positive number of frames")
        if self.video_length is not None and self.video_length < self.length:
            raise AqaError(
                f"clip rule: videos of {self.video_length} frames (--frames) are shorter than one "
                f"clip of {self.length} (--clip-length)"
            )
        if self.window is not None and (self.spread or self.window < self.length):
            raise AqaError(
                f"clip rule: window={self.window}: the {self.length} frames of a clip are spread "
                "over a window of as many or more, or over the whole video, not both"
            )
        for name in ("shift", "end_shift"):
            if getattr(self, name) < 0:
                raise AqaError(
                    f"clip rule: {name}={getattr(self, name)} is not a number of frames from 0"
                )
        for name, choices in (
            ("pad", get_args(Pad)),
            ("tail", get_args(Tail)),
            ("cuts", get_args(Cuts)),
        ):
            if getattr(self, name) not in choices:
                raise AqaError(f"clip rule: {name}={getattr(self, name)!r} is not one of {choices}")
        if self.cuts == "split" and (why := self._against_split()):
            raise AqaError(f"clip rule: cuts=split: {why}")

    def _against_split(self) -> str | None:
        """What does not go with clips of single shots."""
        if self.spread or self.video_length is not None:
            return "clips over the whole video (--spread, --frames) do not go with it"
        if self.tail == "pad":
            return "a padded clip (--tail pad) would cover frames of the next shot"
        if self.shift or self.end_shift:
            return "augmentations that shift clips (shift1, end1, ...) do not go with it"
        return None

    def shown(self, n_frames: int) -> int:
        """How many frames of a video are shown: all but `end_shift`, and at least one clip."""
        return max(n_frames - self.end_shift, min(n_frames, self.length))

    def span(self, n_frames: int) -> Clip:
        """The frames that are cut into clips: the whole video, or `video_length` frames of it."""
        shown = self.shown(n_frames)
        least = 1 if self.spread else self.length
        wanted = max(self.video_length or shown, least)
        if wanted <= shown or self.pad == "front":
            return Clip(shown - wanted, shown)
        return Clip(0, wanted)

    def clips(self, n_frames: int) -> list[Clip]:
        """Cut a video of `n_frames` frames; in order of time, never empty.

        >>> ClipRule().clips(40)
        [Clip(start=0, stop=16), Clip(start=16, stop=32), Clip(start=24, stop=40)]
        >>> ClipRule(video_length=32).clips(20)
        [Clip(start=-12, stop=4), Clip(start=4, stop=20)]
        >>> ClipRule(spread=True).clips(40)
        [Clip(start=0, stop=40)]
        >>> ClipRule(stride=32, window=32).clips(70)
        [Clip(start=0, stop=32), Clip(start=32, stop=64), Clip(start=38, stop=70)]
        """
        if n_frames < 1:
            raise AqaError(f"cannot cut a video of {n_frames} frames into clips")
        start, stop = self.span(n_frames)
        if self.spread:
            return [Clip(min(start + self.shift, max(stop - self.length, start)), stop)]
        covered = min(self.window or self.length, stop - start)
        start = min(start + self.shift, stop - covered)
        starts = range(start, stop - covered + 1, self.stride)
        clips = [Clip(s, s + covered) for s in starts]
        if clips[-1].stop < stop:
            clips += _TAILS[self.tail](starts[-1] + self.stride, stop, covered)
        return clips

    def frames_of(self, clip: Clip) -> list[int]:
        """The numbers of a clip's `length` frames; those of a spread clip may repeat.

        >>> ClipRule(length=4, spread=True).frames_of(Clip(0, 10))
        [0, 2, 5, 7]
        >>> ClipRule(length=4, window=16).frames_of(Clip(16, 32))
        [16, 20, 24, 28]
        """
        n = clip.stop - clip.start
        return [clip.start + k * n // self.length for k in range(self.length)]


def parse_sampling(text: str) -> tuple[int, int]:
    """(frames per clip, frames that it covers) of a text; `AqaError` for another text.

    `16x4`: 16 frames, every fourth; `16of50`: 16 frames spread evenly over 50.

    >>> parse_sampling("16x4"), parse_sampling("16of50")
    ((16, 64), (16, 50))
    """
    found = re.fullmatch(r"([1-9]\d{0,5})(x|of)([1-9]\d{0,5})", text)
    if not found:
        raise AqaError(
            f"sampling {text!r}: expected frames x step, such as 16x4 (16 frames, every fourth), "
            "or frames of window, such as 16of50"
        )
    length, number = int(found[1]), int(found[3])
    window = length * number if found[2] == "x" else number
    if window < length:
        raise AqaError(f"sampling {text!r}: {length} frames cannot be spread over {window}")
    return length, window

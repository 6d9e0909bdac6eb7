"""Videos to train on: read as extraction reads them, flipped and shortened anew in each epoch."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.annotations.late_stages import late_stages
from aqa.annotations.manifest import Video
from aqa.extract.preprocess import Preprocess
from aqa.extract.remote.held import held
from aqa.extract.summary import reason_of
from aqa.extract.video.clip_reader import ClipReader, frames_within
from aqa.extract.video.decode import DECODE_ERRORS, VideoError, open_video
from aqa.extract.video.prefetch import prefetched
from aqa.extract.video.window import Frames, depends_on_length
from aqa.features.clips import ClipRule

# One frame after the other, for `ClipReader`.
_SINGLE_FRAMES = ClipRule(length=1, stride=1)


class VideoClips(NamedTuple):
    """The clips of a video, as they are shown in an epoch.

    frames: uint8 (n, T, H, W, 3); padding is black. ranges: (n, 2), the half-open range of frame
    numbers of each clip; numbers outside of what is shown are padding.
    """

    frames: Tensor
    ranges: NDArray[np.intp]


class HeldFrames(NamedTuple):
    """The preprocessed frames of a video that some epoch may show.

    numbers: (n,), ascending; frames: uint8 (n, H, W, 3). n_frames: how many the video has.
    """

    numbers: NDArray[np.intp]
    frames: Frames
    n_frames: int


class EpochChange(NamedTuple):
    """What becomes of a video in one epoch; shifts in frames."""

    flipped: bool = False
    end_shift: int = 0
    start_shift: int = 0


@dataclass(frozen=True)
class EpochAugmentation:
    """How a video differs from epoch to epoch, drawn by (seed, epoch, video id) alone.

    flip: with a chance of one half all frames are mirrored (farabi2021 §4.2). end_shift: 0 to
    this many frames are left out at the end, as long as those of a clip are left (farabi2021 §4.2:
    5, since the end is one of the last 6 frames). start_shift: every clip starts 0 to this many
    frames later, as long as one clip is left (li2018end §4.1: 5).
    """

    flip: bool = True
    end_shift: int = 5
    seed: int = 0
    start_shift: int = 0

    def draw(self, video_id: str, epoch: int) -> EpochChange:
        """What becomes of this video in this epoch."""
        rng = np.random.default_rng(
            [self.seed, epoch, zlib.crc32(video_id.encode(errors="surrogateescape"))]
        )
        # The start is drawn last: earlier versions drew the other two in this order.
        flipped, end = rng.random() < 0.5, int(rng.integers(self.end_shift + 1))
        start = int(rng.integers(self.start_shift + 1))
        return EpochChange(self.flip and bool(flipped), end, start)

    def possible(self) -> Iterator[EpochChange]:
        """Every shift that may be drawn."""
        for end, start in np.ndindex(self.end_shift + 1, self.start_shift + 1):
            yield EpochChange(False, end, start)


class ClipVideos:
    """The clips of videos, by number, read ahead in threads.

    rule: how videos are cut. workers: videos read ahead; 0 reads in place. cache: bytes of
    preprocessed frames that are kept for the next epoch; videos beyond are decoded anew.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        preprocess: Preprocess,
        rule: ClipRule,
        augmentation: EpochAugmentation | None = None,
        workers: int = 1,
        cache: int = 0,
    ):
        self.videos = tuple(videos)
        self._preprocess, self._rule = preprocess, rule
        self._augmentation, self._workers = augmentation, workers
        self._kept: dict[int, HeldFrames] = {}
        self._fetched: dict[int, tuple[int, str] | None] = {}  # what was at addresses at first
        self._room, self._lock = cache, threading.Lock()

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, order: Sequence[int], epoch: int | None = None) -> Iterator[VideoClips]:
        """The clips of the videos of these numbers, one video after the other.

        epoch: whose augmentation they get; None leaves them as they are. Raises `VideoError` with
        the id of a video that cannot be read.
        """
        streams = (_OneVideo(self, number, epoch) for number in order)
        items: Iterable[VideoClips]
        for _, items in prefetched(streams, self._workers):
            yield from items

    def check(
        self, numbers: Sequence[int], stages: bool = False
    ) -> tuple[list[tuple[str, str]], list[str]]:
        """Read these videos: (id, reason) of those that cannot be taken, and warnings.

        stages: whether their stages are to be learned from; none may be behind a video's end then.
        """
        failed: list[tuple[str, str]] = []
        warnings = []
        items: Iterable[VideoClips]
        streams = [_OneVideo(self, number, None) for number in numbers]
        for stream, items in prefetched(streams, self._workers):
            video = self.videos[stream.number]
            video_id, path = video.id, video.where
            try:
                for _ in items:
                    pass
            except VideoError as error:
                failed.append((video_id, str(error).removeprefix(f"{video_id}: ")))
            else:
                late = late_stages(video, stream.n_frames) if stages else None
                failed += [(video_id, late)] if late else []
            warnings += [f"{video_id}: {path}: {warning}" for warning in stream.warnings]
        return failed, warnings

    def cut(self, held: HeldFrames, video: Video, epoch: int | None) -> VideoClips:
        """The clips of a video, as they are shown in an epoch."""
        change = EpochChange()
        if self._augmentation is not None and epoch is not None:
            change = self._augmentation.draw(video.id, epoch)
        rule = self._shifted(change)
        stop = rule.shown(held.n_frames)
        clips = rule.clips(held.n_frames)
        shown = np.zeros((len(clips), rule.length, *held.frames.shape[1:]), np.uint8)
        for number, clip in enumerate(clips):
            numbers = np.array(rule.frames_of(clip))
            inside = (numbers >= 0) & (numbers < stop)
            shown[number, inside] = held.frames[np.searchsorted(held.numbers, numbers[inside])]
        if change.flipped:
            shown = np.ascontiguousarray(shown[..., ::-1, :])
        return VideoClips(torch.from_numpy(shown), np.asarray(clips))

    def _shifted(self, change: EpochChange) -> ClipRule:
        rule = self._rule
        return replace(
            rule,
            shift=rule.shift + change.start_shift,
            end_shift=rule.end_shift + change.end_shift,
        )

    def frames_of(self, number: int) -> tuple[HeldFrames, tuple[str, ...]]:
        """What epochs show of a video, and what was wrong with its file if it was decoded now."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept, ()
        video = self.videos[number]
        try:
            held, warnings = self._decoded(number)
        except DECODE_ERRORS as error:
            raise VideoError(f"{video.id}: {reason_of(video.where, error)}") from None
        with self._lock:
            if number not in self._kept and held.frames.nbytes <= self._room:
                self._room -= held.frames.nbytes
                self._kept[number] = held
        return held, warnings

    def _decoded(self, number: int) -> tuple[HeldFrames, tuple[str, ...]]:
        """Read a video; twice where a clip is spread over it and it has not the expected length."""
        video = self.videos[number]
        expected = _seen_length(video) if depends_on_length(self._rule) else None
        for _ in range(2):
            reader = ClipReader(video, self._preprocess, _SINGLE_FRAMES, 1)
            held = _held(reader, None if expected is None else self._ever_shown(expected))
            if self._fetched.setdefault(number, reader.fetched) != reader.fetched:
                raise VideoError(
                    f"{video.where}: another file is there than when it was read first; give the "
                    "command again with --restart, or download it by hand and name that file"
                )
            if expected in (None, held.n_frames):
                return held, reader.warnings
            expected = held.n_frames
        raise VideoError(f"{video.where}: has another number of frames each time that it is read")

    def _ever_shown(self, n_frames: int) -> set[int]:
        """The numbers of the frames that a spread clip shows in any epoch."""
        changes = self._augmentation.possible() if self._augmentation else [EpochChange()]
        rules = [self._shifted(change) for change in changes]
        return {i for rule in rules for clip in rule.clips(n_frames) for i in rule.frames_of(clip)}


def _held(reader: ClipReader, wanted: Collection[int] | None) -> HeldFrames:
    """The frames of these numbers; None: all. reader: of single frames."""
    frames = {
        item.clip.start: item.frames
        for batch in reader
        for item in batch
        if item.frames is not None and (wanted is None or item.clip.start in wanted)
    }
    return HeldFrames(np.array([*frames], np.intp), _joined([*frames.values()]), reader.n_frames)


def _joined(singles: Sequence[Frames]) -> Frames:
    return np.concatenate(singles) if singles else np.zeros((0, 0, 0, 3), np.uint8)


def _seen_length(video: Video) -> int:
    """How many frames a video seems to have, without decoding any; 1 where it has no path."""
    with held(video) as (there, _):
        if there.path is None:
            return 1  # any number: reading it fails, and says why
        return frames_within(open_video(there.path), video.start_frame, video.end_frame)


class _OneVideo(Iterable[VideoClips]):
    """The clips of one video, all at once, read when it is iterated over."""

    def __init__(self, videos: ClipVideos, number: int, epoch: int | None):
        self._videos, self.number, self._epoch = videos, number, epoch
        self.warnings: tuple[str, ...] = ()
        self.n_frames = 0

    def __iter__(self) -> Iterator[VideoClips]:
        held, self.warnings = self._videos.frames_of(self.number)
        self.n_frames = held.n_frames
        video = self._videos.videos[self.number]
        yield self._videos.cut(held, video, self._epoch)

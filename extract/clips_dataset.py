"""Videos to train on: read as extraction reads them, flipped and shortened anew in each epoch."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.preprocess import Preprocess
from aqa.extract.run import VIDEO_FAULTS
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import VideoError
from aqa.extract.video.prefetch import prefetched
from aqa.features.clips import ClipRule

Pictures = NDArray[np.uint8]
# The clips of a video, and the frames of each, see `ClipVideos.read`.
Shown = tuple[Tensor, NDArray[np.intp]]
# A frame after the other, for `ClipReader`.
_FRAMES = ClipRule(length=1, stride=1)


@dataclass(frozen=True)
class Augment:
    """How a video differs from epoch to epoch, drawn by (seed, epoch, video id) alone.

    flip: with a chance of one half all pictures are mirrored (farabi2021 §4.2). end_shift: 0 to
    this many frames are left out at the end, as long as those of a clip are left (farabi2021 §4.2:
    5, since the end is one of the last 6 frames).
    """

    flip: bool = True
    end_shift: int = 5
    seed: int = 0

    def draw(self, video_id: str, epoch: int) -> tuple[bool, int]:
        """Whether it is mirrored, and how many frames are left out."""
        rng = np.random.default_rng([self.seed, epoch, zlib.crc32(video_id.encode())])
        flipped, shift = rng.random() < 0.5, int(rng.integers(self.end_shift + 1))
        return self.flip and bool(flipped), shift


class ClipVideos:
    """The clips of videos, by number, read ahead in threads.

    rule: how videos are cut. workers: videos read ahead; 0 reads in place. cache: bytes of
    preprocessed pictures that are kept for the next epoch; videos beyond are decoded anew.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        preprocess: Preprocess,
        rule: ClipRule,
        augment: Augment | None = None,
        workers: int = 1,
        cache: int = 0,
    ):
        self.videos = tuple(videos)
        self._preprocess, self._rule = preprocess, rule
        self._augment, self._workers = augment, workers
        self._kept: dict[int, Pictures] = {}
        self._room, self._lock = cache, threading.Lock()

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, order: Sequence[int], epoch: int | None = None) -> Iterator[Shown]:
        """The clips of the videos of these numbers, one after the other: uint8 (n, T, H, W, 3).

        With them the frames of each, (n, 2), half-open ranges of the video's; those outside of
        what is shown are padding. A clip of padding is black. epoch: whose augmentation they get;
        None leaves them as they are. Raises `VideoError` with the id of a video that cannot be
        read.
        """
        streams = (_Stream(self, number, epoch) for number in order)
        shown: Iterable[Shown]
        for _, shown in prefetched(streams, self._workers):
            yield from shown

    def check(self, numbers: Sequence[int]) -> tuple[list[tuple[str, str]], list[str]]:
        """Read these videos: (id, reason) of those that cannot be read, and warnings."""
        failed: list[tuple[str, str]] = []
        warnings = []
        shown: Iterable[Shown]
        streams = [_Stream(self, number, None) for number in numbers]
        for stream, shown in prefetched(streams, self._workers):
            video_id = self.videos[stream.number].id
            try:
                for _ in shown:
                    pass
            except VideoError as error:
                failed.append((video_id, str(error).removeprefix(f"{video_id}: ")))
            if stream.warning:
                warnings.append(f"{video_id}: {stream.warning}")
        return failed, warnings

    def clips(
        self, pictures: Pictures, video: Video, epoch: int | None
    ) -> tuple[Pictures, NDArray[np.intp]]:
        """Cut a video's pictures, (frames, H, W, 3), as they are shown in an epoch; see `read`."""
        flipped, shift = False, 0
        if self._augment is not None and epoch is not None:
            flipped, shift = self._augment.draw(video.id, epoch)
        stop = max(len(pictures) - shift, min(len(pictures), self._rule.length))
        clips = self._rule.clips(stop)
        shown = np.zeros((len(clips), self._rule.length, *pictures.shape[1:]), np.uint8)
        for number, clip in enumerate(clips):
            frames = np.arange(clip.start, clip.stop)
            inside = (frames >= 0) & (frames < stop)
            shown[number, inside] = pictures[frames[inside]]
        if flipped:
            shown = np.ascontiguousarray(shown[..., ::-1, :])
        return shown, np.asarray(clips)

    def pictures(self, number: int) -> tuple[Pictures, str | None]:
        """A video's pictures and, where it was decoded now, what there is to warn of."""
        kept = self._kept.get(number)
        if kept is not None:
            return kept, None
        video = self.videos[number]
        reader = ClipReader(video, self._preprocess, _FRAMES, 1)
        try:
            frames = [item.pictures for batch in reader for item in batch]
        except VIDEO_FAULTS as error:
            reason = str(error) if isinstance(error, AqaError) else f"{video.path}: {error!r}"
            raise VideoError(f"{video.id}: {reason}") from None
        pictures = np.concatenate([frame for frame in frames if frame is not None])
        with self._lock:
            if number not in self._kept and pictures.nbytes <= self._room:
                self._room -= pictures.nbytes
                self._kept[number] = pictures
        return pictures, reader.warning


class _Stream(Iterable[Shown]):
    """The clips of one video, in one piece, once it is iterated over."""

    def __init__(self, owner: ClipVideos, number: int, epoch: int | None):
        self._owner, self.number, self._epoch = owner, number, epoch
        self.warning: str | None = None

    def __iter__(self) -> Iterator[Shown]:
        pictures, self.warning = self._owner.pictures(self.number)
        video = self._owner.videos[self.number]
        clips, frames = self._owner.clips(pictures, video, self._epoch)
        yield torch.from_numpy(clips), frames

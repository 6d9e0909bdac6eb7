"""Videos to train on: decoded anew in each epoch, as extraction cuts them, flipped and shifted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from aqa.errors import AqaError
from aqa.extract.prefetch import prefetched
from aqa.extract.preprocess import Preprocess
from aqa.extract.reader import Batch, ClipReader
from aqa.extract.run import VIDEO_FAULTS
from aqa.extract.video import VideoError
from aqa.features.clips import ClipRule
from aqa.features.manifest import Video


@dataclass(frozen=True)
class Augment:
    """How a video differs from epoch to epoch, drawn by (seed, epoch, video id) alone.

    flip: with a chance of one half the whole video is mirrored (003 4.2). end_shift: 0 to this
    many frames are left out at its end (003 4.2: 5).
    """

    flip: bool = True
    end_shift: int = 5
    seed: int = 0

    def draw(self, video_id: str, epoch: int) -> tuple[str, int]:
        """The view, `original` or `flip`, and the frames left out."""
        rng = np.random.default_rng([self.seed, epoch, zlib.crc32(video_id.encode())])
        flipped, shift = rng.random() < 0.5, int(rng.integers(self.end_shift + 1))
        return "flip" if self.flip and flipped else "original", shift


class ClipVideos:
    """The clips of videos, by number, decoded ahead in threads.

    rule: how videos are cut. workers: videos decoded ahead; 0 decodes in place.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        preprocess: Preprocess,
        rule: ClipRule,
        augment: Augment | None = None,
        workers: int = 1,
    ):
        self.videos = tuple(videos)
        self._preprocess, self._rule = preprocess, rule
        self._augment, self._workers = augment, workers

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, order: Sequence[int], epoch: int | None = None) -> Iterator[Tensor]:
        """The clips of the videos of these numbers, one after the other: uint8 (n, T, H, W, 3).

        A clip of padding is black. epoch: whose augmentation they get; None leaves them as they
        are. Raises `VideoError` with the id of a video that cannot be read.
        """
        for reader, batches in self._read(order, epoch):
            yield torch.from_numpy(self._clips(reader, batches))

    def check(self, numbers: Sequence[int]) -> tuple[list[tuple[str, str]], list[str]]:
        """Decode these videos: (id, reason) of those that cannot be read, and warnings."""
        failed, warnings = [], []
        for reader, batches in self._read(numbers, None):
            try:
                for _ in batches:
                    pass
            except VIDEO_FAULTS as error:
                failed.append((reader.video.id, _reason(reader.video, error)))
            else:
                warnings += [f"{reader.video.id}: {reader.warning}"] if reader.warning else []
        return failed, warnings

    def _read(
        self, order: Sequence[int], epoch: int | None
    ) -> Iterator[tuple[ClipReader, Iterable[Batch]]]:
        return prefetched((self._reader(self.videos[i], epoch) for i in order), self._workers)

    def _reader(self, video: Video, epoch: int | None) -> ClipReader:
        view, shift = "original", 0
        if self._augment is not None and epoch is not None:
            view, shift = self._augment.draw(video.id, epoch)
        return ClipReader(video, self._preprocess, self._rule, 16, (view,), end_shift=shift)

    def _clips(self, reader: ClipReader, batches: Iterable[Batch]) -> np.ndarray:
        black = self._preprocess.blank(self._rule.length)
        try:
            clips = [
                black if item.pictures is None else item.pictures
                for batch in batches
                for item in batch
            ]
        except VIDEO_FAULTS as error:
            raise VideoError(f"{reader.video.id}: {_reason(reader.video, error)}") from None
        return np.stack(clips)


def _reason(video: Video, error: BaseException) -> str:
    return str(error) if isinstance(error, AqaError) else f"{video.path}: {error!r}"

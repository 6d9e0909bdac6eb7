"""Decodes one video once, and gives the clips of all its augmentations in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.manifest import Video
from aqa.extract.augment import make_augmentations
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.decode import Frame, VideoError, open_video
from aqa.extract.video.window import ClipWindow, Frames
from aqa.features.clips import Clip, ClipRule


class AugmentedClip(NamedTuple):
    """A clip of one augmentation, by its number; frames: uint8 (T, H, W, 3), None if padding."""

    augmentation: int
    clip: Clip
    frames: Frames | None


ClipBatch = list[AugmentedClip]


class ClipReader:
    """The clips of one video, decoded and preprocessed, in batches: iterate over it once.

    batch_size: clips per batch. augmentations: by name, the original first; seed: that they are
    drawn by. Afterwards `n_frames`, `fps` and `warning` (fewer frames than were promised) are
    known.
    """

    def __init__(
        self,
        video: Video,
        preprocess: Preprocess,
        rule: ClipRule,
        batch_size: int,
        augmentations: Sequence[str] = ("original",),
        seed: int = 0,
    ):
        self.video = video
        self.n_frames = 0
        self.fps = float("nan")
        self.warning: str | None = None
        self._preprocess, self._batch_size = preprocess, batch_size
        self._augmentations = make_augmentations(augmentations, rule, video.id, seed)

    def __iter__(self) -> Iterator[ClipBatch]:
        batch: ClipBatch = []
        for item in self._clips():
            batch.append(item)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _clips(self) -> Iterator[AugmentedClip]:
        video = self.video
        if video.path is None:
            raise VideoError(f"{video.id}: no path in the manifest, so there is nothing to decode")
        source = open_video(video.path)
        self.fps = source.fps
        start = video.start_frame or 0
        windows = [ClipWindow(augmentation.rule) for augmentation in self._augmentations]
        for frame in self._counted(source.frames(start, video.end_frame)):
            for number, window in enumerate(windows):
                changed = self._augmentations[number].change(frame)
                if changed is not None:
                    for made in window.push(self._preprocess.resize_and_crop(changed)):
                        yield AugmentedClip(number, *made)
        self._check_length(video.path, start, source.promised)
        for number, window in enumerate(windows):
            for made in window.finish():
                yield AugmentedClip(number, *made)

    def _counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.n_frames += 1
            yield frame

    def _check_length(self, path: Path, start: int, promised: int | None) -> None:
        """Refuse a video without frames; warn of one that has fewer than it should have."""
        stop = self.video.end_frame or promised
        if not self.n_frames:
            asked = f" from frame {start}" if start else ""
            says = "" if promised is None else f"; the file says it has {promised}"
            raise VideoError(f"{path}: no frame could be read{asked}{says}")
        if stop is not None and self.n_frames < stop - start:
            self.warning = (
                f"{path}: ended early: {self.n_frames} of {stop - start} frames could be read"
            )

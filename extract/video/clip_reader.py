"""Decodes one video once, and gives the clips of all its augmentations in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.manifest import Video
from aqa.errors import listed
from aqa.extract.augment import make_augmentations
from aqa.extract.preprocess import Preprocess
from aqa.extract.remote.held import held
from aqa.extract.video.decode import Frame, FrameSource, VideoError, open_video
from aqa.extract.video.sharing import SharedReaders
from aqa.extract.video.shots import Shown as OfShot
from aqa.extract.video.shots import with_cuts
from aqa.extract.video.source import NOT_SHOWN, Shown
from aqa.extract.video.window import (
    ClipWindow,
    Frames,
    ShotWindow,
    SpreadWindow,
    depends_on_length,
)
from aqa.features.clips import Clip, ClipRule


class AugmentedClip(NamedTuple):
    """A clip of one augmentation, by its number; frames: uint8 (T, H, W, 3), None if padding."""

    augmentation: int
    clip: Clip
    frames: Frames | None


ClipBatch = list[AugmentedClip]
Window = ClipWindow | ShotWindow | SpreadWindow


class ClipReader:
    """The clips of one video, decoded and preprocessed, in batches: iterate over it once.

    batch_size: clips per batch. augmentations: by name, the original first; seed: that they are
    drawn by. shared: see `open_video`. A video at an address is fetched. Afterwards `n_frames`,
    `fps` and `warnings` (what was wrong with the file, a line each) are known, and of what was
    fetched `fetched`: its bytes, and the SHA-256 of its content.
    """

    def __init__(
        self,
        video: Video,
        preprocess: Preprocess,
        rule: ClipRule,
        batch_size: int,
        augmentations: Sequence[str] = ("original",),
        seed: int = 0,
        shared: tuple[SharedReaders, int] | None = None,
    ):
        self.video = video
        self.n_frames = 0
        self.fps = float("nan")
        self.warnings: tuple[str, ...] = ()
        self._cuts: list[int] = []
        self.fetched: tuple[int, str] | None = None
        self._shared = shared
        self._preprocess, self._batch_size = preprocess, batch_size
        self._rule, self._names, self._seed = rule, augmentations, seed
        self._augment()

    def __iter__(self) -> Iterator[ClipBatch]:
        batch: ClipBatch = []
        for item in self._clips():
            batch.append(item)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _augment(self) -> None:
        """Begin the augmentations: some change a frame by those before it."""
        self._augmentations = make_augmentations(self._names, self._rule, self.video.id, self._seed)

    def _clips(self) -> Iterator[AugmentedClip]:
        with ExitStack() as stack:
            try:
                video, content = stack.enter_context(held(self.video))
            except BaseException:
                self._let_go()
                raise
            if content is not None and video.path is not None:
                self.fetched = video.path.stat().st_size, content
            yield from self._clips_of(video)

    def _clips_of(self, video: Video) -> Iterator[AugmentedClip]:
        if video.path is None:
            raise VideoError(f"{video.id}: no path in the manifest, so there is nothing to decode")
        source = self._open(video.path)
        start = video.start_frame or 0
        windows = self._windows(source)
        frames = source.frames(start, video.end_frame, shown=self._looked_at(windows))
        yield from self._cut(self._of_shots(self._counted(frames), windows), windows)
        self._finish(source, start)
        if any(isinstance(window, SpreadWindow) and window.missed for window in windows):
            windows = self._read_again(video.path, windows)
        for number, window in enumerate(windows):
            for made in window.finish():
                yield AugmentedClip(number, *made)
        self._tell_cuts(windows)

    def _windows(self, source: FrameSource) -> Sequence[Window]:
        """A window per augmentation."""
        if self._rule.cuts == "split":
            return [ShotWindow(one.rule) for one in self._augmentations]
        if not depends_on_length(self._rule):
            return [ClipWindow(one.rule) for one in self._augmentations]
        expected = frames_within(source, self.video.start_frame, self.video.end_frame)
        return [SpreadWindow(one.rule, expected) for one in self._augmentations]

    def _read_again(self, path: Path, windows: Sequence[Window]) -> list[SpreadWindow]:
        """Windows that know how many frames came, as packets had not told, or some were left out.

        The file is opened anew: others may be reading on in the one that is shared.
        """
        self._augment()
        numbers = [window.n_frames for window in windows]
        again = [
            SpreadWindow(one.rule, n) for one, n in zip(self._augmentations, numbers, strict=True)
        ]
        folder = self._shared[0].index_folder if self._shared else None
        source = open_video(path, folder, deinterlace=self._preprocess.deinterlace)
        start, stop = self.video.start_frame or 0, self.video.end_frame
        frames = source.frames(start, stop, shown=self._looked_at(again))
        for _ in self._cut((OfShot(frame, False) for frame in frames), again):
            pass
        if any(window.missed for window in again):
            raise VideoError(f"{path}: has another number of frames each time that it is read")
        return again

    def _looked_at(self, windows: Sequence[Window]) -> Shown | None:
        """Which frames a clip shows, where that is known before; None: any may be."""
        spread = [window for window in windows if isinstance(window, SpreadWindow)]
        if len(spread) < len(windows) or not all(one.unchanged for one in self._augmentations):
            return None
        return {number for window in spread for number in window.wanted}.__contains__

    def _cut(self, frames: Iterable[OfShot], windows: Sequence[Window]) -> Iterator[AugmentedClip]:
        """Push frames through the augmentations into their windows, and give what comes out."""
        for frame, first in frames:
            for number, window in enumerate(windows):
                if first and isinstance(window, ShotWindow):
                    for made in window.cut():
                        yield AugmentedClip(number, *made)
                changed = self._augmentations[number].change(frame)
                if changed is not None:
                    seen = changed if changed is NOT_SHOWN else self._resized(changed)
                    for made in window.push(seen):
                        yield AugmentedClip(number, *made)

    def _of_shots(self, frames: Iterable[Frame], windows: Sequence[Window]) -> Iterator[OfShot]:
        """The frames with the cuts between them, where clips of frames in a row can show both."""
        if any(isinstance(window, SpreadWindow) for window in windows):
            yield from (OfShot(frame, False) for frame in frames)  # some are not converted
            return
        for number, shown in enumerate(with_cuts(frames)):
            if shown.first:
                self._cuts.append((self.video.start_frame or 0) + number)
            yield shown

    def _tell_cuts(self, windows: Sequence[Window]) -> None:
        """Warn of cuts that clips straddle, and of shots that are in no clip."""
        if not self._cuts:
            return
        where = f"another shot begins with frame {listed(list(map(str, self._cuts)), 5)}"
        if self._rule.cuts == "ignore":
            if self.warnings:  # frames that are missing look like a cut
                return
            told = f"{where}; clips that show two are kept (--cuts split parts them)"
            self.warnings = (*self.warnings, told)
            return
        short = windows[0].short if isinstance(windows[0], ShotWindow) else []
        if len(short) == len(self._cuts) + 1:
            raise VideoError(f"{self.video.path}: {where}, and no shot is as long as a clip")
        if short:
            parts = listed([f"{shot.start} to {shot.stop}" for shot in short], 5)
            told = f"shots that are shorter than a clip are left out: frames {parts}"
            self.warnings = (*self.warnings, told)

    def _resized(self, frame: Frame) -> Frame:
        return self._preprocess.resize_and_crop(frame)

    def _open(self, path: Path) -> FrameSource:
        """The video; other actions of its file do not wait for one that cannot be opened."""
        folder = self._shared[0].index_folder if self._shared else None
        try:
            return open_video(
                path, folder, deinterlace=self._preprocess.deinterlace, shared=self._shared
            )
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        if self._shared:
            readers, number = self._shared
            readers.finish(number)

    def _counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.n_frames += 1
            yield frame

    def _finish(self, source: FrameSource, start: int) -> None:
        """Refuse a video without frames; take over what its source warns of."""
        if not self.n_frames:
            asked = f" from frame {start}" if start else ""
            says = "" if source.promised is None else f"; the file says it has {source.promised}"
            raise VideoError(f"{source.path}: no frame could be read{asked}{says}")
        self.fps = source.fps
        self.warnings = tuple(source.warnings())


def frames_within(source: FrameSource, start: int | None, stop: int | None) -> int:
    """How many frames a source seems to have from `start` to `stop`, one or more."""
    there = source.counted or 0
    return max(min(there, there if stop is None else stop) - (start or 0), 1)

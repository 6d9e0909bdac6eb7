"""One video, decoded once: batches of the clips of all its views."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.manifest import Video
from aqa.extract.augment import make_views
from aqa.extract.preprocess import Preprocess
from aqa.extract.video.decode import Frame, VideoError, open_video
from aqa.extract.video.window import Cutter, Pictures
from aqa.features.clips import Clip, ClipRule


class ViewClip(NamedTuple):
    """A clip of the view of this number, and its pictures: uint8 (T, H, W, 3), None if padding."""

    view: int
    clip: Clip
    pictures: Pictures | None


Batch = list[ViewClip]


class ClipReader:
    """The clips of one video, decoded and preprocessed, in batches: iterate over it once.

    Afterwards `n_frames`, `fps` and `warning` (frames that were promised and did not come) are
    known. end_shift: so many frames are left out at the end, as long as those of a clip are left
    (farabi2021 §4.2: the end is one of the last 6 frames).
    """

    def __init__(
        self,
        video: Video,
        preprocess: Preprocess,
        rule: ClipRule,
        batch_size: int,
        views: Sequence[str] = ("original",),
        seed: int = 0,
        end_shift: int = 0,
    ):
        self.video = video
        self.n_frames = 0
        self.fps = float("nan")
        self.warning: str | None = None
        self._preprocess, self._batch_size = preprocess, batch_size
        self._views = make_views(views, rule, video.id, seed)
        self._end_shift, self._length = end_shift, rule.length

    def __iter__(self) -> Iterator[Batch]:
        batch: Batch = []
        for item in self._clips():
            batch.append(item)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _clips(self) -> Iterator[ViewClip]:
        video = self.video
        if video.path is None:
            raise VideoError(f"{video.id}: no path in the manifest, so there is nothing to decode")
        source = open_video(video.path)
        self.fps = source.fps
        start = video.start_frame or 0
        cutters = [Cutter(view.rule) for view in self._views]
        frames = self._counted(source.frames(start, video.end_frame))
        for frame in without_end(frames, self._end_shift, self._length):
            for number, (view, cutter) in enumerate(zip(self._views, cutters, strict=True)):
                seen = view.look(frame)
                if seen is not None:
                    for cut in cutter.push(self._preprocess.picture(seen)):
                        yield ViewClip(number, *cut)
        self._evaluate(video.path, start, source.promised)
        for number, cutter in enumerate(cutters):
            for cut in cutter.finish():
                yield ViewClip(number, *cut)

    def _counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.n_frames += 1
            yield frame

    def _evaluate(self, path: Path, start: int, promised: int | None) -> None:
        stop = self.video.end_frame or promised
        if not self.n_frames:
            asked = f" from frame {start}" if start else ""
            says = "" if promised is None else f"; the file says it has {promised}"
            raise VideoError(f"{path}: no frame could be read{asked}{says}")
        if stop is not None and self.n_frames < stop - start:
            self.warning = (
                f"{path}: ended early: {self.n_frames} of {stop - start} frames could be read"
            )


def without_end(frames: Iterable[Frame], shift: int, least: int) -> Iterator[Frame]:
    """All frames but the last `shift`; `least` of them, or all there are, are never left out."""
    held: deque[Frame] = deque()
    passed = 0
    for frame in frames:
        held.append(frame)
        if len(held) > shift:
            yield held.popleft()
            passed += 1
    while held and passed < least:
        yield held.popleft()
        passed += 1

"""Reads RGB frames from a video file: every one that it holds, and says which it lacks."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import av
from av.video.frame import VideoFrame

from aqa.extract.video.damage import FrameReport
from aqa.extract.video.deinterlace import CONTEXT, deinterlaced
from aqa.extract.video.frame_index import frame_index
from aqa.extract.video.prefetch import read_ahead
from aqa.extract.video.reader import FrameReader
from aqa.extract.video.rgb import RgbConverter
from aqa.extract.video.sharing import SharedReaders
from aqa.extract.video.source import NOT_SHOWN, Frame, Shown

# A higher rate is mostly a time base, such as the 1000 of FLV: the times of the frames are asked.
_FASTEST = 480
# Frames of more pixels are decoded by a thread while the one before is converted and resized; with
# smaller ones, handing them over costs what it gains.
_LARGE = 640 * 480


class VideoFile:
    """A video file, decoded by FFmpeg; frames are numbered by order of presentation.

    index_folder: where the file's index is kept for later runs, once `start` is asked for.
    deinterlace: make frames of interlaced video progressive; else they are whole, both fields of
    them. shared: readers that go from action to action, and the number of this one.
    """

    def __init__(
        self,
        path: Path,
        index_folder: Path | None = None,
        *,
        deinterlace: bool = False,
        shared: tuple[SharedReaders, int] | None = None,
    ):
        self.path, self._folder = path, index_folder
        self._deinterlace, self._shared = deinterlace, shared
        self._reader = None if shared else FrameReader(path, index_folder)
        self._report = FrameReport(path)
        self._n_decoded = 0

    @functools.cached_property
    def _said(self) -> tuple[int | None, float]:
        """How many frames the file says it has, and its rate; 0 where it says none."""
        reader = self._reader or FrameReader(self.path, self._folder)
        stream = reader.decoder.stream
        said = stream.frames or None, float(stream.average_rate or stream.guessed_rate or 0)
        if reader is not self._reader:
            reader.close()
        return said

    @property
    def promised(self) -> int | None:
        """How many frames the container says it holds; None where it does not say."""
        return self._said[0]

    @functools.cached_property
    def counted(self) -> int | None:
        """See `FrameSource.counted`: by its packets; what the container says where these do not."""
        return len(frame_index(self.path, self._folder)) or self.promised

    @functools.cached_property
    def fps(self) -> float:
        """Frames per second, on average; NaN where neither the file nor its times say it."""
        rate = self._said[1]
        if 0 < rate <= _FASTEST:
            return rate
        return frame_index(self.path, self._folder).fps

    @property
    def n_decoded(self) -> int:
        """How many frames were decoded so far, wanted or not."""
        return self._n_decoded

    def frames(
        self, start: int = 0, stop: int | None = None, shown: Shown | None = None
    ) -> Iterator[Frame]:
        """See `FrameSource.frames`. Frames before `start` are passed from the last key frame on."""
        try:
            reader = self._take()
            before = reader.n_decoded
            try:
                yield from self._read(reader, start, math.inf if stop is None else stop, shown)
            finally:
                self._n_decoded += reader.n_decoded - before
                self._give(reader)
        finally:
            if self._shared:
                readers, number = self._shared
                readers.finish(number)

    def _take(self) -> FrameReader:
        if self._shared:
            readers, number = self._shared
            return readers.take(number)
        reader = self._reader or FrameReader(self.path, self._folder)
        self._said  # noqa: B018 - while the file is open
        self._reader = None
        return reader

    def _give(self, reader: FrameReader) -> None:
        if self._shared:
            readers, number = self._shared
            readers.give(number, reader)
        else:
            reader.close()

    def _read(
        self, reader: FrameReader, start: int, stop: float, shown: Shown | None
    ) -> Iterator[Frame]:
        if start >= stop:
            return
        convert = RgbConverter()
        around = CONTEXT if self._deinterlace else 0
        frames = self._decoded(reader, start, stop, around)
        if reader.decoder.stream.width * reader.decoder.stream.height > _LARGE:
            frames = read_ahead(frames)
        n_given = 0
        for number, frame in deinterlaced(frames) if self._deinterlace else frames:
            if start <= number < stop:
                yield convert(frame) if shown is None or shown(n_given) else NOT_SHOWN
                n_given += 1

    def _decoded(
        self, reader: FrameReader, start: int, stop: float, around: int
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Frames from `start` to `stop`, and so many around them; notes what is wrong with them."""
        whole = stop == math.inf
        report = self._report = FrameReport(
            self.path, start, None if whole else int(stop), note=reader.decoder.note
        )
        reader.go_to(max(start - around, 0))
        expected, n_gaps = start, reader.decoder.n_gaps
        for number, frame in reader.read():
            if number >= start and reader.decoder.damaged:
                report.lost += range(expected, int(min(number, stop)))
                report.gaps += [number] if reader.decoder.n_gaps > n_gaps else []
            n_gaps = reader.decoder.n_gaps
            if number >= stop + around:
                reader.unread(number, frame)
                return
            if start <= number < stop:
                report.n_read += 1
                report.wrong += [number] if reader.decoder.is_wrong(frame) else []
            expected = max(number + 1, start)
            if number >= start - around:
                yield number, frame
            if expected >= stop + around:
                return
        self._note_the_end(reader, report, expected, stop, n_gaps)

    def _note_the_end(
        self, reader: FrameReader, report: FrameReport, expected: int, stop: float, n_gaps: int
    ) -> None:
        """Note which frames are missing at the end of a file."""
        decoder = reader.decoder
        report.ended = True
        report.promised = decoder.stream.frames or None
        if decoder.damaged and reader.index:
            report.lost += range(expected, int(min(len(reader.index), stop)))
        elif decoder.damaged:
            report.n_bad = decoder.n_bad  # and nothing tells which frames are in them
        if decoder.n_gaps > n_gaps:
            report.gaps.append(expected)

    def warnings(self) -> list[str]:
        """See `FrameSource.warnings`."""
        return self._report.warnings()


def decoder_name() -> str:
    """The decoder and its version, as a store's provenance names it."""
    return f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

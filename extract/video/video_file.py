"""Reads RGB frames from a video file: every one that it holds, and says which it lacks."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import av

from aqa.extract.video.damage import FrameReport
from aqa.extract.video.frame_index import frame_index
from aqa.extract.video.reader import FrameReader
from aqa.extract.video.rgb import RgbConverter
from aqa.extract.video.source import Frame

# A higher rate is mostly a time base, such as the 1000 of FLV: the times of the frames are asked.
_FASTEST = 480


class VideoFile:
    """A video file, decoded by FFmpeg; frames are numbered by order of presentation.

    index_folder: where the file's index is kept for later runs, once `start` is asked for. Frames
    of an interlaced video are whole, both fields of them.
    """

    def __init__(self, path: Path, index_folder: Path | None = None):
        self.path, self._folder = path, index_folder
        self._reader: FrameReader | None = FrameReader(path, index_folder)
        stream = self._reader.decoder.stream
        self.promised: int | None = stream.frames or None
        self._rate = stream.average_rate or stream.guessed_rate
        self._report = FrameReport(path)
        self._n_decoded = 0

    @functools.cached_property
    def fps(self) -> float:
        """Frames per second, on average; NaN where neither the file nor its times say it."""
        rate = float(self._rate or 0)
        if 0 < rate <= _FASTEST:
            return rate
        return frame_index(self.path, self._folder).fps

    @property
    def n_decoded(self) -> int:
        """How many frames were decoded so far, wanted or not."""
        reading = self._reader.n_decoded if self._reader else 0
        return self._n_decoded + reading

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`. Frames before `start` are passed from the last key frame on."""
        reader = self._reader or FrameReader(self.path, self._folder)
        self._reader = None
        try:
            yield from self._read(reader, start, math.inf if stop is None else stop)
        finally:
            self._n_decoded += reader.n_decoded
            reader.close()

    def _read(self, reader: FrameReader, start: int, stop: float) -> Iterator[Frame]:
        report = self._report = FrameReport(
            self.path,
            start,
            None if stop == math.inf else int(stop),
            self.promised,
            reader.decoder.note,
        )
        if start >= stop:
            return
        convert = RgbConverter()
        reader.go_to(start)
        expected, n_gaps = start, reader.decoder.n_gaps
        for number, frame in reader.read():
            if number >= start:
                if reader.decoder.damaged:
                    report.lost += range(expected, int(min(number, stop)))
                if reader.decoder.n_gaps > n_gaps:
                    n_gaps = reader.decoder.n_gaps
                    report.gaps.append(number)
                if number >= stop:
                    reader.unread(number, frame)
                    return
                expected = number + 1
                if reader.decoder.is_wrong(frame):
                    report.wrong.append(number)
                report.n_read += 1
                yield convert(frame)
                if expected >= stop:
                    return
        if reader.decoder.damaged and reader.index:
            report.lost += range(expected, int(min(len(reader.index), stop)))
        elif reader.decoder.damaged:
            report.n_bad = reader.decoder.n_bad  # and nothing tells which frames are in them
        if reader.decoder.n_gaps > n_gaps:
            report.gaps.append(expected)
        report.ended = True

    def warnings(self) -> list[str]:
        """See `FrameSource.warnings`."""
        return self._report.warnings()


def decoder_name() -> str:
    """The decoder and its version, as a store's provenance names it."""
    return f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}"

"""Numbered frames of one open file, from any frame on, with as little decoding as possible."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from av.video.frame import VideoFrame

from aqa.extract.video.frame_index import FrameIndex, frame_index
from aqa.extract.video.packets import StreamDecoder

# So many key frames are tried before a file is decoded from its start.
_KEYS = 4


class FrameReader:
    """One open video file and the frame that comes next in it.

    position: the number of that frame; frames are numbered by order of presentation.
    """

    def __init__(self, path: Path, index_folder: Path | None = None):
        self.path, self._folder = path, index_folder
        self._index: FrameIndex | None = None
        self._decoded = 0
        self._open()

    def _open(self) -> None:
        self._decoder = StreamDecoder(self.path)
        self._frames = self._decoder.frames()
        self.position = 0

    @property
    def n_decoded(self) -> int:
        """How many frames were decoded, wanted or not."""
        return self._decoded + self._decoder.n_decoded

    @property
    def decoder(self) -> StreamDecoder:
        """The decoder that is open now."""
        return self._decoder

    @property
    def index(self) -> FrameIndex:
        """The file's index, built when it is first needed."""
        if self._index is None:
            self._index = frame_index(self.path, self._folder)
        return self._index

    def go_to(self, number: int) -> None:
        """Make `read` go on at a frame, or at one before it from which decoding can start."""
        if self.position == number:
            return
        keys = self.index.keys_before(number) if self.index else []
        if self.position < number and (not keys or keys[0] <= self.position):
            return
        if any(self._seek(key) for key in keys[:_KEYS]):
            return
        self._decoded += self._decoder.n_decoded
        self._decoder.close()
        self._open()

    def _seek(self, key: int) -> bool:
        """Go to a key frame; whether the decoder gave it, whole, as the first one from there on."""
        index, decoder = self.index, self._decoder
        decoder.seek(index.seek_time(key))
        frames = decoder.frames()
        for frame in frames:
            number = index.number(frame.pts)
            if number is not None and number < key:
                continue  # frames before it, which are not whole
            if number != key or decoder.is_wrong(frame):
                return False
            self._frames = itertools.chain([frame], frames)
            self.position = key
            return True
        return False

    def read(self) -> Iterator[tuple[int, VideoFrame]]:
        """The frames from `position` on, with their numbers; those that were lost are left out."""
        for frame in self._frames:
            number = self.position
            if self._decoder.damaged or self._index is not None:  # counting does not tell
                known = self.index.number(frame.pts)
                if known is not None and known < number:
                    continue
                number = number if known is None else known
            self.position = number + 1
            yield number, frame

    def unread(self, number: int, frame: VideoFrame) -> None:
        """Put back the frame that `read` gave last."""
        self._frames = itertools.chain([frame], self._frames)
        self.position = number

    def close(self) -> None:
        """Let go of the file."""
        self._decoder.close()

"""Decodes the packets of one video stream, goes on behind bad ones, and keeps what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import av
import av.logging
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from aqa.extract.video.streams import open_stream

# Containers that pass over damaged parts, and only complain of it.
_COMPLAINING = ("matroska,webm",)
_CUT = "ended prematurely"  # which `cut.py` finds out
# So many times in a row a file may fail to give a packet before it counts as ended.
_TRIES = 64


class StreamDecoder:
    """One open video stream and where it is read.

    n_decoded: frames that the decoder gave. n_bad: packets that gave none, for an error. damaged:
    whether something was wrong so far, so that frames may have been lost. n_gaps: places where
    the container is damaged, and nothing tells how many frames are missing.
    """

    def __init__(self, path: Path):
        self.container, self.stream, self.note = open_stream(path)
        self.n_decoded = 0
        self.n_bad = 0
        self.n_gaps = 0
        self.damaged = False
        self._wrong: set[int | None] = set()
        self._complains = self.container.format.name in _COMPLAINING
        if self._complains:
            _listen()
        self._depth = getattr(self.stream.codec_context, "reorder_depth", None)

    def seek(self, time: int) -> None:
        """Go to a key frame at or before `time`, in units of the stream's time base."""
        self.container.seek(time, stream=self.stream)
        if self._depth is not None:  # FFmpeg would have to learn it anew, and lose frames
            self.stream.codec_context.reorder_depth = self._depth

    def frames(self) -> Iterator[VideoFrame]:
        """The frames from here on, in order of presentation; bad packets are left out."""
        for packet in self.packets():
            for frame in self._decode(packet):
                self.n_decoded += 1
                self.damaged |= self.is_wrong(frame)
                yield frame

    def is_wrong(self, frame: VideoFrame) -> bool:
        """Whether a frame was decoded from damaged data."""
        return frame.is_corrupt or (bool(self._wrong) and frame.pts in self._wrong)

    def packets(self) -> Iterator[Packet[VideoStream]]:
        """The packets from here on, in the order of the file; the last one is empty."""
        failed = 0
        packets = self.container.demux(self.stream)
        while failed < _TRIES:
            try:
                packet = self._next(packets)
            except StopIteration:
                return
            except FFmpegError:
                failed += 1
                self.damaged = True
                packets = self.container.demux(self.stream)
                continue
            failed = 0
            if packet.is_corrupt:
                self.damaged = True
                self._wrong.add(packet.pts)
            yield packet

    def _next(self, packets: Iterator[Packet[VideoStream]]) -> Packet[VideoStream]:
        if not self._complains:
            return next(packets)
        with av.logging.Capture() as said:
            packet = next(packets)
        found = [text for _, name, text in said if name in _COMPLAINING]
        if found and not any(_CUT in text for text in found):
            self.damaged = True
            self.n_gaps += 1
        return packet

    def _decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        try:
            return packet.decode()
        except EndOfFile:
            return []
        except FFmpegError:
            self.n_bad += 1
            self.damaged = True
            return []

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()


def _listen() -> None:
    """Let PyAV hand on what FFmpeg complains of; nothing of it is printed."""
    if av.logging.get_level() is None:
        logging.getLogger("libav").addHandler(logging.NullHandler())
        av.logging.set_skip_repeated(False)  # in one file what was said of another
        av.logging.set_level(av.logging.ERROR)

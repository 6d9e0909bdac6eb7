"""Decodes the packets of one video stream, goes on behind bad ones, and keeps what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame

from aqa.extract.video.streams import open_stream

# So many times in a row a file may fail to give a packet before it counts as ended.
_TRIES = 64


class StreamDecoder:
    """One open video stream and where it is read.

    n_decoded: frames that the decoder gave. n_bad: packets that gave none, for an error.
    """

    def __init__(self, path: Path):
        self.container, self.stream, self.note = open_stream(path)
        self.n_decoded = 0
        self.n_bad = 0
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
                yield frame

    def packets(self) -> Iterator[Packet[object]]:
        """The packets from here on, in the order of the file; the last one is empty."""
        failed = 0
        packets = self.container.demux(self.stream)
        while failed < _TRIES:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except FFmpegError:
                failed += 1
                packets = self.container.demux(self.stream)
                continue
            failed = 0
            yield packet

    def _decode(self, packet: Packet[object]) -> list[VideoFrame]:
        try:
            return packet.decode()  # type: ignore[return-value]
        except EndOfFile:
            return []
        except FFmpegError:
            self.n_bad += 1
            return []

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

"""Refuses videos that are too large or too long, before a frame of them is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aqa.extract.video.packets import StreamDecoder
from aqa.extract.video.source import VideoError


@dataclass(frozen=True)
class VideoLimits:
    """What a video may have at most.

    pixels: of a frame, width times height. seconds: from its first frame to its last. frames: how
    many it has.
    """

    pixels: int = 4096 * 2304
    seconds: float = 600.0
    frames: int = 40_000


def check_limits(path: Path, limits: VideoLimits) -> None:
    """Raise `VideoError` for a video above the limits.

    Headers may say anything, so packets are counted, and their times asked; reading ends at the
    first one that is too many.
    """
    decoder = StreamDecoder(path)
    try:
        stream = decoder.stream
        if not 0 < stream.width * stream.height <= limits.pixels:
            raise VideoError(
                f"{path}: frames of {stream.width}x{stream.height}; at most {limits.pixels} pixels "
                "are taken: send it smaller"
            )
        base, first, n_frames = float(stream.time_base or 0), None, 0
        for packet in decoder.packets():
            if not packet.size:
                continue
            n_frames += 1
            if n_frames > limits.frames:
                raise VideoError(
                    f"{path}: more than {limits.frames} frames; send the part that is to be scored"
                )
            time = packet.pts if packet.pts is not None else packet.dts
            if time is None:
                continue
            first = time if first is None else first
            if abs(time - first) * base > limits.seconds:
                raise VideoError(
                    f"{path}: longer than {limits.seconds:g} s; send the part that is to be scored"
                )
    finally:
        decoder.close()

"""A copy of a video that every browser plays, and single frames as JPEG, to put into a page."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from aqa.errors import AqaError
from aqa.extract.video.decode import open_video
from aqa.extract.video.source import Frame, VideoError

# Frames per second of a video that does not say how many it has.
ASSUMED_FPS = 25.0
# H.264 encoders and their options, the better one first; PyAV's wheels bring both.
_ENCODERS = {"libx264": {"crf": "23", "preset": "veryfast"}, "libopenh264": {}}
# A key frame every so many frames, so that going back one frame is quick.
_KEY_EVERY = 10


@dataclass(frozen=True)
class BrowserVideo:
    """H.264 in MP4, without sound, one frame after the other at a constant rate.

    data: the file. fps: frames per second. start: the number of its first frame in the original,
    from 0. n_frames: how many it has. width, height: of the copy, in pixels; original_width,
    original_height: of the video.
    """

    data: bytes
    fps: float
    start: int
    n_frames: int
    width: int
    height: int
    original_width: int
    original_height: int

    def seconds(self, frame: int) -> float:
        """When a frame of the original is shown in the copy; kept within it."""
        return min(max(frame - self.start, 0), self.n_frames) / self.fps


def browser_video(
    path: Path, start: int = 0, stop: int | None = None, *, height: int = 480
) -> BrowserVideo:
    """Encode the frames `start <= i < stop` anew; every frame is kept, so times are exact.

    height: at most so many pixels; smaller videos keep their size. `VideoError` where no frame
    can be read.
    """
    source = open_video(path)
    fps = source.fps if math.isfinite(source.fps) and source.fps > 0 else ASSUMED_FPS
    frames = source.frames(start, stop)
    first = next(frames, None)
    if first is None:
        raise VideoError(f"{path}: no frame from {start} on, so there is nothing to show")
    size = _even_size(first, height)
    data, n_frames = _encode(path, itertools.chain([first], frames), fps, size)
    original_height, original_width = first.shape[:2]
    return BrowserVideo(data, fps, start, n_frames, *size, original_width, original_height)


def jpeg(frame: Frame, height: int = 160, quality: int = 80) -> bytes:
    """A frame, uint8 (height, width, 3), as a JPEG that is at most so many pixels high."""
    width, height = _even_size(frame, height)
    small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), settings)
    return data.tobytes()


def _even_size(frame: Frame, most: int) -> tuple[int, int]:
    """Width and height of the copy; H.264 takes even numbers alone."""
    height, width = frame.shape[:2]
    scale = min(1.0, most / height)
    return tuple(max(2, int(n * scale / 2) * 2) for n in (width, height))  # type: ignore[return-value]


def _encode(
    path: Path, frames: Iterable[Frame], fps: float, size: tuple[int, int]
) -> tuple[bytes, int]:
    rate = Fraction(fps).limit_denominator(1001)
    name = _encoder()
    file = io.BytesIO()
    n_frames = 0
    try:
        with av.open(file, "w", format="mp4") as container:
            stream: Any = container.add_stream(name, rate=rate, options=_ENCODERS[name])
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.gop_size = _KEY_EVERY
            for n_frames, pixels in enumerate(frames, 1):
                frame = VideoFrame.from_ndarray(pixels, format="rgb24")
                frame = frame.reformat(*size, format="yuv420p", interpolation="AREA")
                frame.pts, frame.time_base = n_frames - 1, 1 / rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except FFmpegError as error:
        raise VideoError(f"{path}: it cannot be encoded for a browser ({error})") from None
    return file.getvalue(), n_frames


def _encoder() -> str:
    for name in _ENCODERS:
        if name in av.codecs_available:
            return name
    raise AqaError(
        f"this PyAV encodes no H.264 ({' or '.join(_ENCODERS)}), which browsers play; install "
        "PyAV's own wheel: pip install --force-reinstall --only-binary av av"
    )

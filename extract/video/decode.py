"""Reads RGB frames from a video file or a folder of numbered images; only this module decodes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError

# FFmpeg's chatter would drown the one line that names the file; read when a video is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})

Frame = NDArray[np.uint8]


class VideoError(AqaError):
    """A video that cannot be read; names the file and what is wrong with it."""


# What decoding can raise on a bad file. An error of the device or of the store stops the run.
DECODE_ERRORS = (AqaError, OSError, cv2.error, MemoryError)


class FrameSource(Protocol):
    """Frames in order of time.

    path: where they come from. fps: frames per second, NaN where unknown. promised: how many
    frames the container says it holds, None where it does not say.
    """

    path: Path
    fps: float
    promised: int | None

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Decode the frames `start <= i < stop`: uint8 (height, width, 3), RGB."""
        ...


def open_video(path: Path) -> FrameSource:
    """Open a video file, or a folder of numbered images; `VideoError` where that fails."""
    if not path.exists():
        raise VideoError(f"{path}: no such video file or folder of images")
    return ImageFolder(path) if path.is_dir() else VideoFile(path)


def read_frames(path: Path, numbers: Iterable[int]) -> dict[int, Frame]:
    """The frames of these numbers, which count from 0; the last one for numbers beyond the end."""
    wanted = sorted(set(numbers))
    frames: dict[int, Frame] = {}
    number, frame = -1, None
    for number, frame in enumerate(open_video(path).frames(stop=wanted[-1] + 1)):
        if number in wanted:
            frames[number] = frame
    if frame is None:
        raise VideoError(f"{path}: no frame could be read")
    return frames | {late: frame for late in wanted if late > number}


def size_of(path: Path) -> int | None:
    """Bytes of a video file, or of all files in a folder of images; None where it is absent."""
    try:
        files = list(path.iterdir()) if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)
    except OSError:
        return None


class VideoFile:
    """A video file, decoded by OpenCV and turned upright as its orientation mark says.

    Frames are counted as they are decoded, so a variable frame rate drops and repeats none.
    """

    def __init__(self, path: Path):
        self.path = path
        capture = self._open()
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps = fps if 0 < fps <= 1000 else math.nan
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.promised = int(count) if 0 < count < 2**31 else None
        capture.release()

    def _open(self) -> cv2.VideoCapture:
        # Absolute, since FFmpeg takes what stands before a colon for a protocol.
        capture = cv2.VideoCapture(os.path.abspath(self.path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            size = self.path.stat().st_size
            raise VideoError(f"{self.path}: not a video that can be decoded ({size} bytes)")
        return capture

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`. Frames before `start` are decoded but not converted."""
        capture = self._open()
        try:
            for _ in range(start):
                if not capture.grab():
                    return
            for _ in range(start, 2**31 if stop is None else stop):
                ok, frame = capture.read()
                if not ok:
                    return
                yield _rgb(frame)
        finally:
            capture.release()


class ImageFolder:
    """A folder of images, in the order of the last number in their names."""

    fps = math.nan

    def __init__(self, path: Path):
        self.path = path
        numbered: dict[int, Path] = {}
        for image in sorted(path.iterdir()):
            numbers = re.findall(r"[0-9]+", image.stem)
            hidden = image.name.startswith(".")
            if image.suffix.lower() not in IMAGE_SUFFIXES or not numbers or hidden:
                continue
            other = numbered.setdefault(int(numbers[-1]), image)
            if other != image:
                raise VideoError(f"{path}: {other.name} and {image.name} have the same number")
        if not numbered:
            raise VideoError(f"{path}: a folder without numbered images such as 000001.jpg")
        order = sorted(numbered)
        missing = order[-1] - order[0] + 1 - len(order)
        if missing:
            raise VideoError(
                f"{path}: {missing} of the images {order[0]} to {order[-1]} are missing; "
                "extract the frames again, or renumber them if the gap is meant"
            )
        self._images = [numbered[number] for number in order]
        self.promised: int | None = len(order)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """See `FrameSource.frames`."""
        for image in self._images[start:stop]:
            data = image.read_bytes()
            if _ends_early(data):
                raise VideoError(f"{image}: the file ends early; extract the frames again")
            frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
            if frame is None:
                raise VideoError(f"{image}: not an image that can be decoded")
            yield _rgb(frame)


def _ends_early(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end, which decoders may make up and report nothing."""
    if data.startswith(b"\xff\xd8"):
        at = 2
        while data[at : at + 2] != b"\xff\xda":  # over what is before the scan, thumbnails too
            if data[at : at + 2] == b"\xff\xff":  # a fill byte
                at += 1
                continue
            length = int.from_bytes(data[at + 2 : at + 4], "big")
            if data[at : at + 1] != b"\xff" or length < 2:
                return at >= len(data)  # or no JPEG after all, as the decoder will say
            at += 2 + length
        return data.find(b"\xff\xd9", at) < 0  # which cannot stand within a scan
    return data.startswith(b"\x89PNG") and b"IEND" not in data


def _rgb(frame: cv2.typing.MatLike) -> Frame:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)

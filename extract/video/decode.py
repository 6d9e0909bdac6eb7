"""Opens whatever a video lies in, a file or a folder of numbered images, as frames."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
from av.error import FFmpegError

from aqa.errors import AqaError
from aqa.extract.video.identity import content_of, size_of
from aqa.extract.video.images import ImageFolder
from aqa.extract.video.sharing import SharedReaders
from aqa.extract.video.source import Frame, FrameSource, VideoError
from aqa.extract.video.video_file import VideoFile, decoder_name

# What decoding can raise on a bad file. An error of the device or of the store stops the run.
DECODE_ERRORS = (AqaError, OSError, FFmpegError, cv2.error, MemoryError)


def open_video(
    path: Path,
    index_folder: Path | None = None,
    *,
    deinterlace: bool = False,
    shared: tuple[SharedReaders, int] | None = None,
) -> FrameSource:
    """Open a video file, or a folder of numbered images; `VideoError` where that fails.

    index_folder, deinterlace, shared: of a file, see `VideoFile`.
    """
    if not path.exists():
        raise VideoError(f"{path}: no such video file or folder of images")
    if path.is_dir():
        return ImageFolder(path)
    if not path.is_file():  # opening a pipe would wait for ever
        raise VideoError(f"{path}: no regular file, so no video")
    return VideoFile(path, index_folder, deinterlace=deinterlace, shared=shared)


def read_frames(path: Path, numbers: Iterable[int]) -> dict[int, Frame]:
    """The frames of these numbers, which count from 0; the last one for numbers beyond the end."""
    wanted = sorted(set(numbers))
    frames: dict[int, Frame] = {}
    number, frame = -1, None
    for start in dict.fromkeys((wanted[0], 0)):  # from the first frame if there is none so late
        source = open_video(path)
        for number, frame in enumerate(source.frames(start, wanted[-1] + 1), start):
            if number in wanted:
                frames[number] = frame
        if frame is not None:
            break
    if frame is None:
        raise VideoError(f"{path}: no frame could be read")
    return frames | {late: frame for late in wanted if late > number}


def decoder_of(path: Path) -> str:
    """What decodes a video, with its version, as a store's record of the video names it."""
    return f"images by OpenCV {cv2.__version__}" if path.is_dir() else decoder_name()


__all__ = [
    "DECODE_ERRORS",
    "Frame",
    "FrameSource",
    "ImageFolder",
    "VideoError",
    "VideoFile",
    "content_of",
    "decoder_name",
    "decoder_of",
    "open_video",
    "read_frames",
    "size_of",
]

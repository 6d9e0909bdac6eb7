"""How white the pixels of a video are: foam and drops are white, water and people are not."""

from __future__ import annotations

import cv2
import numpy as np

from aqa.annotations.video import Video
from aqa.errors import AqaError
from aqa.extract.video.decode import open_video
from aqa.features.aspects.splash import WhiteFrames

# A pixel is white where its least channel is so bright, by how much its greatest exceeds that.
_BRIGHT, _COLOURED = 130, 80
_COLUMNS = 160  # of the small pictures that are kept
_MOST_FRAMES = 20_000


def white_frames(video: Video) -> WhiteFrames:
    """The white shares of the frames that the manifest asks for."""
    if video.path is None:
        raise AqaError(f"{video.id}: no video file, so no pixels")
    start, stop = video.start_frame or 0, video.end_frame
    kept: list[np.ndarray] = []
    scale = 1.0
    for number, frame in enumerate(open_video(video.path).frames()):
        if stop is not None and number >= stop:
            break
        if number < start:
            continue
        if len(kept) == _MOST_FRAMES:
            raise AqaError(f"{video.path}: more than {_MOST_FRAMES} frames; give start and end")
        scale = max(frame.shape[1] / _COLUMNS, 1.0)
        kept.append(_white(np.asarray(frame), scale))
    if not kept:
        raise AqaError(f"{video.path}: no frames")
    return WhiteFrames(np.stack(kept), scale)


def _white(frame: np.ndarray, scale: float) -> np.ndarray:
    low, high = frame.min(axis=2), frame.max(axis=2)
    mask = np.where((low > _BRIGHT) & (high - low < _COLOURED), 255, 0).astype(np.uint8)
    size = round(frame.shape[1] / scale), max(round(frame.shape[0] / scale), 1)
    small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)

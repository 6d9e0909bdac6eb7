"""From decoded frames to RGB: the stream's colours, turned and mirrored as its display says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from aqa.extract.video.source import Frame

Matrix = tuple[int, ...]


class RgbConverter:
    """Converts the frames of one stream, with one reformatter that is kept.

    Matrix (BT.601, 709, 2020) and range are those that each frame states; where it states no
    matrix, FFmpeg's own choice, BT.601. Chroma is interpolated as FFmpeg's own conversion does:
    the two differ in no pixel (`benchmarks/decode.py`).
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()
        self._display: Matrix | None = None
        self._looked = False

    def __call__(self, frame: VideoFrame) -> Frame:
        """uint8 (height, width, 3) of a decoded frame."""
        if not self._looked:
            self._display, self._looked = display_matrix(frame), True
        converted = self._reformatter.reformat(
            frame, format="rgb24", interpolation=Interpolation.BICUBIC, threads=1
        )
        image = _pixels(converted)
        return image if self._display is None else upright(image, self._display)


def _pixels(frame: VideoFrame) -> Frame:
    """The pixels of an RGB frame, not copied: between its rows there may be bytes of padding."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height]
    return rows[:, : 3 * frame.width].reshape(frame.height, frame.width, 3)


def display_matrix(frame: VideoFrame) -> Matrix | None:
    """The display matrix, nine numbers row by row; None where there is none."""
    side_data: Iterable[Any] = frame.side_data  # its stubs take the keys of a mapping for items
    for data in side_data:
        if data.type is Type.DISPLAYMATRIX:
            return tuple(np.frombuffer(bytes(data), np.int32)[:9].tolist())
    return None


def upright(image: Frame, matrix: Matrix) -> Frame:
    """An image as the matrix shows it: turned by a multiple of 90 degrees, mirrored, or both.

    Column x, row y is shown at column a x + c y, row b x + d y.
    """
    (a, b), (c, d) = matrix[0:2], matrix[3:5]
    shown: NDArray[np.uint8] = image
    if abs(b) > abs(a):
        shown = shown.transpose(1, 0, 2)
        a, d = c, b
    if a < 0:
        shown = shown[:, ::-1]
    if d < 0:
        shown = shown[::-1]
    return np.ascontiguousarray(shown)

"""Rows of a laid-out store written at their places in the file, past HDF5.

HDF5 itself is not asked to write: what it keeps of the file's structure never changes while a
store grows, so that a kill at any instant leaves a file that opens.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip
from aqa.features.store.format import Room
from aqa.features.store.spec import StoreError


class RawStoreFile:
    """An open store file into whose arrays, laid out before, rows are written."""

    def __init__(self, path: Path):
        with h5py.File(path, "r") as file:
            names = ["features", "clips", "count", *(f"videos/{n}" for n in file["videos"])]
            self._places = {name: _place(file[name]) for name in names}
            self._id_dtype = file["videos/id"].dtype
            self.room = Room(len(file["videos/id"]), len(file["features"]), self._id_dtype.itemsize)
        self._file = FileIO(path, "r+b")

    def write_video(
        self,
        number: int,
        row: int,
        video_id: str,
        augmented: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
    ) -> None:
        """Write the features of the video of this number, from this row on.

        augmented: for each augmentation the features, and the clip behind each row of them.
        """
        ranges = []
        for features, clips in augmented:
            self._write("features", row, features)
            self._write("clips", row, np.asarray(clips, np.int32))
            ranges.append([row, row + len(clips)])
            row += len(clips)
        crc32 = [zlib.crc32(features.tobytes()) for features, _ in augmented]
        self._write("videos/id", number, np.array([video_id.encode()], self._id_dtype))
        self._write("videos/rows", number, np.array(ranges, np.int64))
        self._write("videos/crc32", number, np.array(crc32, np.uint32))

    def write_source(
        self,
        number: int,
        frame_range: tuple[int, int | None],
        n_frames: int,
        fps: float,
        n_bytes: int | None,
    ) -> None:
        """Write what a video's features were read from; the parameters as in the format.

        frame_range: the half-open range that was asked for; None: to the end.
        """
        stop = -1 if frame_range[1] is None else frame_range[1]
        size = -1 if n_bytes is None else n_bytes
        self._write("videos/frames", number, np.array([frame_range[0], stop], np.int64))
        self._write("videos/n_frames", number, np.array(n_frames, np.int64))
        self._write("videos/n_bytes", number, np.array(size, np.int64))
        self._write("videos/fps", number, np.array(fps, np.float64))

    def commit(self, count: int) -> None:
        """Make the first `count` videos exist: their data is on the disk before the number is."""
        os.fsync(self._file.fileno())
        self._write("count", 0, np.array(count, np.int64))

    def close(self) -> None:
        """Wait until all bytes are on the disk, and let go of the file."""
        try:
            os.fsync(self._file.fileno())
        finally:
            self._file.close()

    def _write(self, name: str, row: int, values: NDArray[Any]) -> None:
        """Write values from this row of an array on."""
        offset, row_bytes = self._places[name]
        _write_all(self._file, values.tobytes(), offset + row * row_bytes)


def _write_all(file: FileIO, data: bytes, offset: int) -> None:
    file.seek(offset)
    rest = memoryview(data)
    while rest:  # one write may take only a part of what it is given
        rest = rest[file.write(rest) :]


def _place(dataset: h5py.Dataset) -> tuple[int, int]:
    """Where an array begins in the file, and how many bytes each of its rows has."""
    offset = dataset.id.get_offset()
    if offset is None:
        raise StoreError(f"{dataset.file.filename}: {dataset.name} is not laid out contiguously")
    return offset, int(np.prod(dataset.shape[1:], dtype=np.int64)) * dataset.dtype.itemsize

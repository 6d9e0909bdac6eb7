"""The file format of a store: one HDF5 file of clip features, readable with plain h5py.

    /                   attributes: format, version, spec (JSON), provenance (JSON)
    /features           (rows, *shape) float32 or float16, one row per clip
    /clips              (rows, 2) int32, the half-open frame range of each row
    /blank              (*shape,), the response to an all-black clip (absent in imported stores)
    /videos/id          (videos,) UTF-8
    /videos/rows        (videos, augmentations, 2) int64, the half-open range of rows of each
    /videos/frames      (videos, 2) int64, the half-open frame range that was asked for;
                        stop -1: to the end of the video
    /videos/n_bytes     (videos,) int64, size of the file it was read from; -1: not known
    /videos/n_frames    (videos,) int64, how many frames were read and cut into clips
    /videos/fps         (videos,) float64, frames per second; NaN where unknown
    /videos/crc32       (videos, augmentations) uint32, checksum of each one's bytes in /features
    /count              () int64, how many videos are finished

The spec's `views` names the augmentations of the pixels; `original`, without any, comes first.

While a store is being written its arrays are longer than what they hold: `count` videos are
finished, and the rows behind them are spare room. When the writer closes, every array has its
exact length.

Why a store survives a kill at any instant: HDF5 lays the arrays out once, contiguous and with room
to spare, and is then closed. Rows are written at their byte offsets (`raw_file.py`), so HDF5's own
structures never change; a video exists once the eight bytes of `count` say so. Growing and trimming
write a new file that replaces the old one in one step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.features.store.spec import Spec, StoreError, augmentations_of

FORMAT = "aqa feature store"
VERSION = 1
# The arrays with one row per video, besides their ids.
_PER_VIDEO = ("rows", "frames", "n_bytes", "n_frames", "fps", "crc32")
# How many bytes are copied at once when a store grows.
_COPIED_BYTES = 64 << 20


@dataclass(frozen=True)
class VideoTable:
    """What a store says of its finished videos; row i of each array is that of `ids[i]`.

    count: how many the store says are finished; `ids` are fewer in a damaged file.
    """

    count: int
    ids: tuple[str, ...]
    rows: NDArray[np.int64]
    frames: NDArray[np.int64]
    n_bytes: NDArray[np.int64]
    n_frames: NDArray[np.int64]
    fps: NDArray[np.float64]
    crc32: NDArray[np.uint32]

    @classmethod
    def read(cls, file: h5py.File) -> VideoTable:
        """The table of the videos that `count` says are finished."""
        count, videos = int(file["count"][()]), file["videos"]
        ids = tuple(videos["id"].asstr()[:count])
        return cls(count, ids, **{name: videos[name][:count] for name in _PER_VIDEO})

    @property
    def n_rows(self) -> int:
        """Rows of all finished videos: their clips, under each augmentation."""
        return int(self.rows[-1, -1, 1]) if len(self.ids) else 0


class Room(NamedTuple):
    """How much the arrays of a file have room for: videos, rows, and bytes per id."""

    n_videos: int
    n_rows: int
    id_width: int


def open_store_file(path: Path) -> h5py.File:
    """Open a store for reading with h5py; `StoreError` where it is none, or of another version."""
    if not path.exists():
        raise StoreError(f"{path}: no such feature store; make it with `aqa extract`")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise StoreError(f"{path}: not a readable HDF5 file: {error}") from None
    if file.attrs.get("format") != FORMAT:
        file.close()
        raise StoreError(f"{path}: an HDF5 file, but not a feature store of this project")
    version = file.attrs.get("version")
    if version != VERSION:
        file.close()
        raise StoreError(f"{path}: store version {version}; this aqa reads version {VERSION}")
    return file


def lay_out(new: h5py.File, spec: Spec, provenance: Mapping[str, Any], room: Room) -> None:
    """Make an empty HDF5 file a store without videos, its arrays with this much room."""
    n_augmentations, shape = len(augmentations_of(spec)), tuple(spec["shape"])
    new.attrs["format"], new.attrs["version"] = FORMAT, VERSION
    new.attrs["spec"] = json.dumps(spec)
    new.attrs["provenance"] = json.dumps(provenance)
    _allocate(new, "features", (room.n_rows, *shape), spec["dtype"])
    _allocate(new, "clips", (room.n_rows, 2), "int32")
    _allocate(new, "videos/id", (room.n_videos,), h5py.string_dtype("utf-8", room.id_width))
    _allocate(new, "videos/rows", (room.n_videos, n_augmentations, 2), "int64")
    _allocate(new, "videos/frames", (room.n_videos, 2), "int64")
    _allocate(new, "videos/n_bytes", (room.n_videos,), "int64")
    _allocate(new, "videos/n_frames", (room.n_videos,), "int64")
    _allocate(new, "videos/fps", (room.n_videos,), "float64")
    _allocate(new, "videos/crc32", (room.n_videos, n_augmentations), "uint32")
    _allocate(new, "count", (), "int64")[()] = 0


def copy_videos(old: h5py.File, new: h5py.File, ids: list[str], n_rows: int) -> None:
    """Copy the first videos of a store, and its blank response, into one just laid out.

    ids: of those videos. n_rows: how many rows they have.
    """
    new["count"][()] = count = len(ids)
    if "blank" in old:
        new["blank"] = old["blank"][()]
    for name in ("features", "clips"):
        _copy_rows(old[name], new[name], n_rows)
    for name in _PER_VIDEO:
        _copy_rows(old["videos"][name], new["videos"][name], count)
    texts = new["videos/id"]
    texts[:count] = np.array([i.encode() for i in ids], texts.dtype)


def _allocate(file: h5py.File, name: str, shape: tuple[int, ...], dtype: Any) -> h5py.Dataset:
    """A contiguous array whose place in the file is fixed now; unwritten parts stay holes."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return file.create_dataset(name, shape, dtype, dcpl=properties, track_times=False)


def _copy_rows(old: h5py.Dataset, new: h5py.Dataset, n: int) -> None:
    step = max(1, _COPIED_BYTES // max(old.dtype.itemsize * int(np.prod(old.shape[1:])), 1))
    for start in range(0, n, step):
        new[start : min(start + step, n)] = old[start : min(start + step, n)]

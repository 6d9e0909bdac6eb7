"""Arrays in an HDF5 file that another tool wrote, and features among them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, listed

Array = NDArray[np.floating]
# Compressed arrays may take this many times the file's bytes; numbers do not shrink further.
_MOST_COMPRESSED = 100
# How many videos a file may hold.
_MOST_VIDEOS = 1_000_000


def read_hdf5(path: Path, ids: list[str] | None, dataset: str | None) -> dict[str, Array]:
    """Read features by video id; `AqaError` for anything but plain arrays of numbers.

    Without `dataset`: every array of the file is a video's, its name the id. With it, one of two
    layouts: every group is a video's, and holds an array of this name; or one array of this name
    holds all videos, whose rows `ids` names. Links and arrays that lie in other files are refused.
    """
    try:
        with h5py.File(path, "r") as file:
            return _read(path, file, ids, dataset)
    except FileNotFoundError:
        raise AqaError(f"{path}: no such file") from None
    except AqaError:
        raise
    except Exception as error:  # HDF5 and h5py raise almost anything on damaged files
        raise AqaError(f"{path}: not an HDF5 file that can be read: {error}") from None


def _read(
    path: Path, file: h5py.File, ids: list[str] | None, dataset: str | None
) -> dict[str, Array]:
    room = ReadingRoom.of(path)
    if dataset is not None and isinstance(plain_item(path, file, dataset), h5py.Dataset):
        return _joint(path, room.read(file[dataset]), ids, dataset)
    if len(file) > _MOST_VIDEOS:
        raise AqaError(f"{path}: {len(file)} entries are too many videos")
    names = list(file) if ids is None else ids
    missing = [i for i in names if i not in file]
    if missing:
        raise AqaError(f"{path}: no entry for {len(missing)} of the ids: {listed(missing)}")
    found = {}
    for name in names:
        item = plain_item(path, file, name if dataset is None else f"{name}/{dataset}")
        if not isinstance(item, h5py.Dataset):
            inside = _inside(file[name]) if isinstance(file.get(name), h5py.Group) else ""
            called = f" {dataset}" if dataset else ""
            raise AqaError(f"{path}: {name!r} holds no array{called}{inside}")
        found[name] = room.read(item)
    return found


def _inside(group: h5py.Group) -> str:
    return f"; it holds {listed(list(group), 10)}: name one with --dataset"


def plain_item(path: Path, file: h5py.File, name: str) -> object:
    """What has this name, reached through plain groups only; None where there is nothing.

    `AqaError` for links to other places and files.
    """
    at: object = file
    for part in name.strip("/").split("/"):
        if not isinstance(at, h5py.Group) or part not in at:
            return None
        if not isinstance(at.get(part, getlink=True), h5py.HardLink):
            raise AqaError(f"{path}: {name!r} is a link to somewhere else: not followed")
        at = at[part]
    return at


def _joint(path: Path, array: Array, ids: list[str] | None, dataset: str) -> dict[str, Array]:
    if ids is None:
        raise AqaError(f"{path}: {dataset!r} does not name its videos; give their ids with --ids")
    if array.ndim not in (2, 3) or len(array) != len(ids):
        raise AqaError(
            f"{path}: {dataset!r} has shape {array.shape}; expected ({len(ids)} videos, dim) or "
            f"({len(ids)} videos, clips, dim)"
        )
    return dict(zip(ids, array, strict=True))


class ReadingRoom:
    """Reads arrays, as long as all of them together take no more than `n_bytes`."""

    def __init__(self, path: Path, n_bytes: int):
        self.path, self.left = path, n_bytes

    @classmethod
    def of(cls, path: Path) -> ReadingRoom:
        """What the numbers of a file may take once they are unpacked."""
        return cls(path, _MOST_COMPRESSED * path.stat().st_size)

    def read(self, item: h5py.Dataset) -> Array:
        """An array of numbers."""
        array: Array = self.read_any(item, "fiu", "numbers")
        return array

    def read_any(self, item: h5py.Dataset, kinds: str, what: str) -> NDArray[Any]:
        """An array of types of these NumPy kinds; what: of what it is, for messages."""
        name, dtype = item.name, item.dtype
        if item.external or item.is_virtual:
            raise AqaError(f"{self.path}: the numbers of {name!r} lie in other files: not read")
        if dtype.kind not in kinds or not item.shape or not math.prod(item.shape):
            raise AqaError(f"{self.path}: {name!r} is {item.shape} of {dtype}, no array of {what}")
        self.left -= math.prod(item.shape) * dtype.itemsize
        if self.left < 0:
            raise AqaError(
                f"{self.path}: {name!r} is {item.shape} of {dtype}, far more than the file holds"
            )
        array: NDArray[Any] = item[()]
        return array

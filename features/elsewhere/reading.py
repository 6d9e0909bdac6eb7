"""From files of any of the known formats to arrays by video id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, listed
from aqa.features.arrays import load_arrays, read_arrays
from aqa.features.elsewhere.hdf5 import read_hdf5
from aqa.features.elsewhere.table import read_number_table

Array = NDArray[np.floating]

_TABLES = (".csv", ".tsv", ".txt")
_HDF5 = (".h5", ".hdf5", ".hdf")
_IN_FOLDERS = (".npy", ".npz", *_TABLES)


def read_features(
    path: Path, ids: list[str] | None = None, dataset: str | None = None
) -> dict[str, Array]:
    """Read features by video id; pickled objects are refused.

    path: a folder of one .npy, .npz, .csv, .tsv or .txt per video, whose names are the ids; one
    such table; a .npz with an array per id; an HDF5 file; or a .npy of all videos, with `ids`. ids:
    names the rows of a .npy, elsewhere selects and orders the videos. dataset: of an HDF5 file, or
    of a folder's .npz that hold several arrays.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _folder(path, ids, dataset)
    if dataset is not None and suffix not in _HDF5:
        raise AqaError(
            f"{path}: --dataset {dataset} means something for HDF5 files, and for folders of a "
            ".npz per video, only"
        )
    if suffix in _TABLES:
        return _chosen(path, {path.stem: path}, ids, None)
    if suffix in _HDF5:
        return read_hdf5(path, ids, dataset)
    return read_arrays(path, ids)


def _folder(folder: Path, ids: list[str] | None, dataset: str | None) -> dict[str, Array]:
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _IN_FOLDERS or path.name.startswith("."):
            continue
        if path.stem in files:
            raise AqaError(
                f"{path}: {files[path.stem].name} is of the same video; import one of them"
            )
        files[path.stem] = path
    if not files:
        raise AqaError(f"{folder}: it holds no {', '.join(_IN_FOLDERS)}, one per video")
    if dataset is not None and not any(p.suffix.lower() == ".npz" for p in files.values()):
        raise AqaError(f"{folder}: --dataset {dataset} names an array of .npz files; it holds none")
    return _chosen(folder, files, ids, dataset)


def _chosen(
    path: Path, files: dict[str, Path], ids: list[str] | None, dataset: str | None
) -> dict[str, Array]:
    missing = [i for i in ids or () if i not in files]
    if missing:
        raise AqaError(f"{path}: no file of {len(missing)} of the ids: {listed(missing)}")
    return {i: _one(files[i], dataset) for i in ids or files}


def _one(path: Path, dataset: str | None) -> Array:
    """One video's array: (clips, dim), or (dim,) where it has one feature."""
    if path.suffix.lower() in _TABLES:
        return read_number_table(path)
    array = load_arrays(path)
    if isinstance(array, dict):
        array = _named(path, array, dataset)
    if array.dtype.kind not in "fiu" or not array.ndim or not array.size:
        raise AqaError(f"{path}: shape {array.shape} of {array.dtype}: no array of features")
    return array


def _named(path: Path, arrays: dict[str, NDArray[Any]], dataset: str | None) -> NDArray[Any]:
    """The array of an archive that is one video's: the only one, or the one of this name."""
    if dataset is None and len(arrays) == 1:
        return next(iter(arrays.values()))
    if dataset in arrays:
        return arrays[dataset]
    called = "" if dataset is None else f"no array {dataset}; "
    raise AqaError(
        f"{path}: {called}it holds {listed(arrays, 10)}: name a video's features with --dataset; "
        "an archive of one array per video is imported by itself"
    )

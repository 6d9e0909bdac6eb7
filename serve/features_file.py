"""Reads features that were sent: a NumPy file, or JSON; nothing in them is ever run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from aqa.errors import AqaError
from aqa.serve.told import checked_told

_NUMBERS = "fiu"


def read_features(path: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """An array, and what the file tells of the video; `AqaError` where it holds none."""
    with path.open("rb") as file:
        begin = file.read(len(npy.MAGIC_PREFIX))
    if begin == npy.MAGIC_PREFIX:
        return _read_array(path, name), {}
    return _read_json(path, name)


def _read_array(path: Path, name: str) -> np.ndarray[Any, Any]:
    """The array of a .npy file, whose header is checked before memory is asked for."""
    try:
        with path.open("rb") as file:
            shape, dtype = _read_header(file)
            held = path.stat().st_size - file.tell()
        if dtype.kind not in _NUMBERS or min(shape, default=0) < 0:
            raise ValueError
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size != held:
            raise ValueError
        array: np.ndarray[Any, Any] = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, TypeError, OverflowError):
        raise AqaError(f"{name}: not a whole .npy file of numbers") from None
    return array


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type; `ValueError` for a header that is none."""
    versions = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    try:
        shape, _, dtype = versions[npy.read_magic(file)](file)
    except Exception as error:  # Python's parser says in many ways what it cannot read
        raise ValueError("a broken header") from error
    return shape, dtype


def _read_json(path: Path, name: str) -> tuple[Any, dict[str, Any]]:
    wanted = 'it takes a .npy file, or JSON as {"features": [[...], ...]}'
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise AqaError(f"{name}: no JSON; {wanted}") from None
    if not isinstance(value, dict) or not isinstance(value.get("features"), list):
        raise AqaError(f"{name}: no features in it; {wanted}")
    return value["features"], checked_told(value)

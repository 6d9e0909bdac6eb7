"""Reads features that were sent: a NumPy file, or JSON; nothing in them is ever run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from aqa.errors import AqaError

_TOLD: dict[str, tuple[type, ...]] = {
    "type": (str,),
    "action": (str,),
    "difficulty": (int, float),
}
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
            version = npy.read_magic(file)
            read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
            shape, _, dtype = read(file)
            held = path.stat().st_size - file.tell()
        if dtype.kind not in _NUMBERS or min(shape, default=0) < 0:
            raise ValueError
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size != held:
            raise ValueError
        array: np.ndarray[Any, Any] = np.load(path, allow_pickle=False)
    except (ValueError, KeyError, EOFError, TypeError, OverflowError):
        raise AqaError(f"{name}: not a whole .npy file of numbers") from None
    return array


def _read_json(path: Path, name: str) -> tuple[Any, dict[str, Any]]:
    wanted = 'it takes a .npy file, or JSON as {"features": [[...], ...]}'
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise AqaError(f"{name}: no JSON; {wanted}") from None
    if not isinstance(value, dict) or not isinstance(value.get("features"), list):
        raise AqaError(f"{name}: no features in it; {wanted}")
    told = {key: told for key, told in value.items() if key in _TOLD and told is not None}
    for key, one in told.items():
        if not isinstance(one, _TOLD[key]) or isinstance(one, bool):
            raise AqaError(f"{name}: {key} is neither a text nor a number as it should be")
    return value["features"], told

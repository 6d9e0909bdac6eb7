"""Reading annotations from MATLAB files: one named array of numbers from each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.importing.checks import check_size
from aqa.annotations.importing.mat_file import find_array
from aqa.errors import AqaError


def read_matrix(path: Path, variable: str | None, columns: int) -> NDArray[np.float64]:
    """A variable of a .mat file, float64 (rows, `columns`).

    variable: None takes the first. Where one column is asked for, a row vector is taken too.
    `AqaError` where the file holds no such variable, or one of another shape, or values that are
    not finite numbers.
    """
    check_size(path)
    try:
        array = find_array(path.read_bytes(), variable)
    except ValueError as error:
        raise AqaError(f"{path}: not a MATLAB file that can be read: {error}") from None
    if array is None:
        raise AqaError(f"{path}: it holds no variable{f' {variable!r}' if variable else ''}")
    variable = variable or "its variable"
    if columns == 1 and array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1, 1)
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != columns:
        raise AqaError(
            f"{path}: {variable} is {array.dtype} of shape {array.shape}, not numbers of shape "
            f"(n, {columns})"
        )
    if not len(array) or not np.isfinite(array).all():
        raise AqaError(f"{path}: {variable} is empty or holds values that are not finite")
    return array.astype(np.float64)


def read_vector(path: Path, variable: str | None) -> list[float]:
    """A variable of a .mat file, a row or a column vector, as a list of numbers.

    variable: None takes the first.
    """
    values: list[float] = read_matrix(path, variable, 1)[:, 0].tolist()
    return values


def whole_numbers(path: Path, values: list[float], largest: int | None = None) -> list[int]:
    """Sample numbers as ints.

    `AqaError` where one is not whole, not from 1 to `largest`, or listed twice.
    """
    seen = set()
    for value in values:
        if value != int(value) or value < 1 or (largest and value > largest):
            raise AqaError(f"{path}: {value:g} is no sample number from 1 to {largest or '...'}")
        if value in seen:
            raise AqaError(f"{path}: sample {value:g} is listed twice")
        seen.add(value)
    return [int(value) for value in values]

"""MATLAB files of annotations: one named array of numbers each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io
from numpy.typing import NDArray

from aqa.annotations.datasets.base import MAX_BYTES
from aqa.errors import AqaError


def read_matrix(path: Path, variable: str, columns: int) -> NDArray[np.float64]:
    """The variable of a .mat file, (rows, `columns`); `AqaError` where it is no such numbers.

    One column is given whichever way the file's vector lies.
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise AqaError(f"{path}: {size} bytes are too many for annotations; not read")
    # SciPy raises almost anything on damaged files.
    try:
        content = scipy.io.loadmat(path, variable_names=(variable,))
    except Exception as error:
        raise AqaError(f"{path}: not a MATLAB file: {error or type(error).__name__}") from None
    if variable not in content:
        raise AqaError(f"{path}: it holds no variable {variable!r}")
    array = np.asarray(content[variable])
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


def read_vector(path: Path, variable: str) -> list[float]:
    """The variable of a .mat file as a list of numbers, whichever way the vector lies."""
    values: list[float] = read_matrix(path, variable, 1)[:, 0].tolist()
    return values


def whole_numbers(path: Path, values: list[float], largest: int | None = None) -> list[int]:
    """The values as numbers from 1 (to `largest`), each once; `AqaError` for any other."""
    seen = set()
    for value in values:
        if value != int(value) or value < 1 or (largest and value > largest):
            raise AqaError(
                f"{path}: {value:g} is no number of a sample from 1 to {largest or '...'}"
            )
        if value in seen:
            raise AqaError(f"{path}: the sample {value:g} stands twice")
        seen.add(value)
    return [int(value) for value in values]

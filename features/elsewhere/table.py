"""Tables of numbers as text: kinematics and other measurements, a row per frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError

# A robot's 76 numbers, 30 times a second for an hour, take less.
MAX_BYTES = 256 << 20
_SEPARATORS = (",", ";")  # else tabs and blanks, which may be mixed


def read_number_table(path: Path) -> NDArray[np.float64]:
    """Read a table, (rows, columns), separated by commas, semicolons, tabs or blanks.

    A first row that is no numbers is taken as the names of the columns. `AqaError` with the row
    where another one is not as wide as the first, or holds something else than numbers.
    """
    lines = [(n, line) for n, line in enumerate(_text(path).splitlines(), 1) if line.strip()]
    if lines and _numbers(lines[0][1]) is None:
        del lines[0]
    if not lines:
        raise AqaError(f"{path}: it holds no rows of numbers")
    rows: list[NDArray[np.float64]] = []
    for number, line in lines:
        values = _numbers(line)
        if values is None:
            raise AqaError(f"{path}: row {number}: not all of its values are numbers")
        if rows and len(values) != len(rows[0]):
            raise AqaError(
                f"{path}: row {number}: {len(values)} values, the first row has {len(rows[0])}"
            )
        rows.append(values)
    return np.stack(rows)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise AqaError(
                f"{path}: {path.stat().st_size} bytes are too many for a table of one video "
                f"({MAX_BYTES} at most); save it as .npy"
            )
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AqaError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise AqaError(f"{path}: byte {error.start} is not UTF-8: no table of text") from None


def _numbers(line: str) -> NDArray[np.float64] | None:
    """The numbers of a line, or None where it holds something else."""
    separator = next((mark for mark in _SEPARATORS if mark in line), None)
    try:
        return np.array([float(field) for field in line.split(separator)])
    except ValueError:
        return None

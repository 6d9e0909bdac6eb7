"""One array of numbers from a MATLAB file, versions 4 to 7; nothing else of the file is decoded.

SciPy reads these files too, but its decoder, which is compiled, crashes on damaged ones. The
format: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# How many bytes one variable may take once it is unpacked.
MAX_BYTES = 64 << 20
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Code of an element's type -> NumPy's.
_TYPES = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_OLD_TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
# Classes of arrays of numbers: double, single, and whole numbers of 8 to 64 bits.
_NUMBERS = range(6, 16)
_COMPLEX = 0x0800


class _Element(NamedTuple):
    """Its type, its bytes, and where the next one begins."""

    kind: int
    data: bytes
    end: int


def find_array(data: bytes, name: str | None) -> NDArray[Any] | None:
    """The numbers of a variable of a MATLAB file, as the file holds them; None where it has none.

    name: None takes the first variable, whatever it is called. Raises `ValueError` where the file
    is damaged, or the variable is no array of real numbers.
    """
    if len(data) < 20:
        raise ValueError(f"{len(data)} bytes are too few")
    if data.startswith(b"\x89HDF"):
        raise ValueError("it is of version 7.3; save it with -v7")
    if 0 in data[:4]:
        return _find_old(data, name)
    order = {b"IM": "<", b"MI": ">"}.get(data[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("its header tells no order of bytes")
    if data[:_HEADER].startswith(b"MATLAB 7.3"):
        raise ValueError("it is of version 7.3; save it with -v7")
    at = _HEADER
    while at < len(data):
        element = _element(data, at, order, packed=True)
        at = element.end
        if element.kind == _COMPRESSED:
            element = _unpacked(element.data, order)
        if element.kind == _MATRIX:
            named, array = _matrix(element.data, order, name)
            if named:
                return array
    return None


def _element(data: bytes, at: int, order: str, *, packed: bool = False) -> _Element:
    """The element at a place; packed: those of files, where compressed ones are not padded."""
    kind, size = (int(word) for word in _words(data, at, order))
    if kind >> 16:  # four bytes or less stand in the tag itself
        kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        if size > 4:
            raise ValueError(f"a small element of {size} bytes")
    else:
        start = at + 8
        padding = 0 if packed and kind == _COMPRESSED else -size % 8
        end = start + size + padding
    if start + size > len(data):
        raise ValueError(f"an element of {size} bytes, of which {len(data) - start} are there")
    return _Element(kind, data[start : start + size], end)


def _words(data: bytes, at: int, order: str) -> NDArray[Any]:
    if at + 8 > len(data):
        raise ValueError(f"it ends at byte {len(data)}, within an element")
    return np.frombuffer(data, order + "u4", 2, at)


def _unpacked(data: bytes, order: str) -> _Element:
    unpacking = zlib.decompressobj()
    try:
        held = unpacking.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if unpacking.unconsumed_tail:
        raise ValueError(f"a variable that unpacks to more than {MAX_BYTES} bytes")
    return _element(held, 0, order)


def _matrix(data: bytes, order: str, name: str | None) -> tuple[bool, NDArray[Any] | None]:
    """Whether a variable has this name; its numbers, (rows, columns), if it has."""
    parts = _parts(data, order)
    flags = next(parts)
    if len(flags.data) < 8:
        raise ValueError("a variable without flags")
    flag = int(np.frombuffer(flags.data, order + "u4", 1)[0])
    shape = tuple(int(n) for n in _numbers(next(parts), order))
    called = next(parts).data.rstrip(b"\0")
    if name is not None and called != name.encode():
        return False, None
    if flag & 0xFF not in _NUMBERS or flag & _COMPLEX:
        raise ValueError(f"{_text(called)} is a text, a structure or complex, not numbers")
    return True, _shaped(_numbers(next(parts), order), shape)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace")


def _parts(data: bytes, order: str) -> Iterator[_Element]:
    at = 0
    for _ in range(4):
        found = _element(data, at, order)
        yield found
        at = found.end


def _numbers(element: _Element, order: str) -> NDArray[Any]:
    if element.kind not in _TYPES:
        raise ValueError(f"an element of type {element.kind} where numbers should be")
    dtype = np.dtype(order + _TYPES[element.kind])
    return np.frombuffer(element.data, dtype, len(element.data) // dtype.itemsize)


def _shaped(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if any(n < 0 for n in shape) or math.prod(shape) != len(values) or len(shape) > 8:
        raise ValueError(f"{len(values)} numbers of shape {shape}")
    return values.reshape(shape, order="F")


def _find_old(data: bytes, name: str | None) -> NDArray[Any] | None:
    """As `find_array`, of version 4."""
    at = 0
    while at < len(data):
        if at + 20 > len(data):
            raise ValueError(f"it ends at byte {len(data)}, within a header")
        order = "<" if 0 <= int(np.frombuffer(data, "<i4", 1, at)[0]) < 5000 else ">"
        kind, rows, columns, imaginary, length = (
            int(word) for word in np.frombuffer(data, order + "i4", 5, at)
        )
        number, form = kind // 10 % 10, kind % 10
        if not 0 <= kind < 5000 or number >= len(_OLD_TYPES) or min(rows, columns, length - 1) < 0:
            raise ValueError("a header that is none of version 4")
        dtype = np.dtype(order + _OLD_TYPES[number])
        start = at + 20 + length
        size = rows * columns * dtype.itemsize * (2 if imaginary else 1)
        if start + size > len(data):
            raise ValueError(
                f"{rows} x {columns} numbers, of which {len(data) - start} bytes are there"
            )
        called = data[at + 20 : start].rstrip(b"\0")
        if name is None or called == name.encode():
            if form or imaginary:
                raise ValueError(f"{_text(called)} is a text, a structure or complex, not numbers")
            return _shaped(np.frombuffer(data, dtype, rows * columns, start), (rows, columns))
        at = start + size
    return None

"""Reading annotations from pickles as data: nothing that a file asks for is imported or run.

The published annotations of MTL-AQA and FineDiving are pickles. A pickle is a program; this
reader lets it build plain Python values and, from NumPy's scalars and arrays, plain numbers and
lists, by functions of its own. Whatever else a file names is refused.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import reprlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.importing.checks import check_size
from aqa.errors import AqaError

_WORDS = 200  # characters of what Python says of a damaged pickle


class PickleRefused(AqaError):
    """A pickle that is damaged, or asks for more than plain values."""


def read_pickle(path: Path) -> Any:
    """The value that a pickle holds: dicts, lists, tuples, strings, numbers, None.

    NumPy scalars become numbers or strings, NumPy arrays (nested) lists. Pickles of Python 2 and
    3 and of NumPy 1 and 2 are understood; the strings of Python 2 are taken as Latin-1. Raises
    `PickleRefused` with the file and what it asked for, `AqaError` for a file that is too large.
    """
    check_size(path)
    return plain_value(path.read_bytes(), path)


def read_dictionary(path: Path, of: str) -> dict[Any, Any]:
    """The dictionary that a pickle holds, as `read_pickle` reads it.

    of: what is in it, as "dives". `AqaError` for another value, or where nothing is in it.
    """
    content = read_pickle(path)
    if not isinstance(content, dict) or not content:
        raise AqaError(f"{path}: no dictionary of {of}")
    return content


def plain_value(data: bytes, path: Path) -> Any:
    """The value that a pickle in a file holds, as `read_pickle` reads it; path: for errors."""
    try:
        _check_numbers(data)
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except _NotPlain as error:
        raise PickleRefused(
            f"{path}: refused: it asks for {error}, and annotations are plain values only"
        ) from None
    # Python documents no list of what damaged pickles raise; all of it is the file's fault.
    except Exception as error:
        words = str(error) or type(error).__name__  # may quote all of the file
        raise PickleRefused(f"{path}: not a whole pickle: {words[:_WORDS]}") from None


class _NotPlain(Exception):
    """Raised with what a pickle asks for that is not a plain value."""


def _check_numbers(data: bytes) -> None:
    """Refuse numbers that no annotation needs, before they cost memory or time.

    Unpickling reserves memory for every memo number below the largest; and Python cannot print
    the longest integers.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if isinstance(argument, int) and abs(argument) >= 2**63:
            raise _NotPlain("a number of more than 64 bits")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            number = int(argument or 0)
            if not 0 <= number <= len(data):
                raise _NotPlain(f"memo number {number}")


class _Build:
    """A function that a pickle may call, but not change."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]):
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _NotPlain("changing a function")


class _Dtype:
    """Stands for a NumPy type of numbers, booleans or strings, or `O` for plain values."""

    __slots__ = ("name", "order")

    def __init__(self, name: object):
        if not isinstance(name, str) or not re.fullmatch(r"[biufSU][0-9]{1,4}|O8?", name):
            raise _NotPlain(f"the NumPy type {reprlib.repr(name)}")
        self.name, self.order = name, "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, *more = state
        # Subarrays, field names and fields; a string's item size stands in its name already.
        if any(extra is not None for extra in more[:3]) or order not in ("<", ">", "|", "="):
            raise _NotPlain("a NumPy type with fields")
        self.order = ">" if order == ">" else "<"

    def values(self, data: object) -> Any:
        """The one-dimensional array of these bytes, or of a list that NumPy objects came as."""
        if self.name.startswith("O"):
            if not isinstance(data, list):
                raise _NotPlain("NumPy objects that are no list")
            return np.array([None, *data], object)[1:]  # the None keeps lists from nesting
        if isinstance(data, str):  # bytes, as Python 2 wrote them
            data = data.encode("latin1")
        if not isinstance(data, bytes | bytearray | memoryview):
            raise _NotPlain("NumPy values that are no bytes")
        return np.frombuffer(data, np.dtype(self.order + self.name))


class _Array(list[Any]):
    """Stands for a NumPy array; becomes nested lists when its state arrives."""

    __slots__ = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self[:] = _nested(dtype, data, shape, "F" if fortran else "C")


def _nested(dtype: Any, data: object, shape: Any, order: Any = "C") -> Any:
    if not isinstance(dtype, _Dtype):
        raise _NotPlain("an array without a NumPy type")
    return dtype.values(data).reshape(shape, order=order).tolist()


def _scalar(dtype: Any, data: object) -> Any:
    return _nested(dtype, data, ())


def _text_to_bytes(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise _NotPlain(f"the encoding {reprlib.repr(encoding)}")
    return text.encode("latin1")


def _no_bytes(*arguments: object) -> bytes:
    """Empty bytes, as protocol 2 writes them."""
    if arguments:
        raise _NotPlain("bytes that do not stand in it")
    return b""


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Build(dict),
    ("_codecs", "encode"): _Build(_text_to_bytes),
    ("__builtin__", "bytes"): _Build(_no_bytes),
    ("numpy", "dtype"): _Build(lambda name, *_: _Dtype(name)),
    ("numpy", "ndarray"): None,  # named by arrays, never built
    **{
        (f"numpy.{core}.{module}", name): _Build(make)
        for core in ("core", "_core")
        for module, name, make in (
            ("multiarray", "scalar", _scalar),
            ("multiarray", "_reconstruct", lambda *_: _Array()),
            ("numeric", "_frombuffer", lambda data, dtype, *more: _nested(dtype, data, *more)),
        )
    },
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _NotPlain(f"{module}.{name}"[:80])
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _NotPlain(f"an object outside the file ({reprlib.repr(pid)})")

"""The HDF5 structures of a store's file, looked at before the HDF5 library sees them.

The library ends the process, or hangs, on some damaged files, and follows what leads out of a
file. So only those structures are let through that a store is made of: a superblock of version 0,
two groups of hard links, object headers of version 1, contiguous arrays, and attributes whose
texts lie in a global heap. They are those of the file format specification,
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Kinds of message in an object header.
_NIL, _SPACE, _TYPE, _FILL, _EXTERNAL, _LAYOUT = 0, 1, 3, 5, 7, 8
_FILTERS, _ATTRIBUTE, _CONTINUATION, _GROUP = 11, 12, 16, 17
_NOWHERE = 2**64 - 1
_MOST_MESSAGES, _MOST_BLOCKS, _MOST_NAMES = 200, 20, 100
_LARGEST_TEXT = 1 << 28
# Types as they are written: of the attributes, and of numbers in arrays. A text in an array is
# UTF-8 of fixed length, which is its size.
_TEXT = bytes.fromhex("1901010010000000100000000100000000000800")
_NUMBERS: dict[bytes, np.dtype[Any]] = {
    bytes.fromhex("1008000008000000 00004000"): np.dtype("int64"),
    bytes.fromhex("1008000004000000 00002000"): np.dtype("int32"),
    bytes.fromhex("1000000004000000 00002000"): np.dtype("uint32"),
    bytes.fromhex("11200f0002000000 000010000a05000a0f000000"): np.dtype("float16"),
    bytes.fromhex("11201f0004000000 00002000170800177f000000"): np.dtype("float32"),
    bytes.fromhex("11203f0008000000 00004000340b0034ff030000"): np.dtype("float64"),
}


class _Message(NamedTuple):
    kind: int
    data: bytes


class StructureError(ValueError):
    """Structures that are not those of a store. is_store: whether the file says that it is one."""

    is_store = True


def check_structure(path: Path) -> None:
    """Raise `StructureError` unless the structures of an HDF5 file are those of a store."""
    with path.open("rb") as file:
        walk = _Walk(file)
        try:
            walk.check()
        except StructureError as error:
            error.is_store = walk.is_store
            raise
        except (struct.error, UnicodeDecodeError) as error:
            found = StructureError(str(error))
            found.is_store = walk.is_store
            raise found from None


class _Walk:
    """A walk over the structures of an open file. is_store: its attribute `format` was seen."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.is_store = False

    def check(self) -> None:
        """Look at all of them."""
        head = self._read(0, 96)
        versions, _, flags, base, free, end, driver = struct.unpack_from("<8sIIQQQQ", head, 8)
        if versions != bytes([0, 0, 0, 0, 0, 8, 8, 0]) or base or flags:
            raise StructureError("its superblock is not of the kind that a store has")
        if free != _NOWHERE or driver != _NOWHERE or end > self._size:
            raise StructureError(
                f"it says that it ends at byte {end}, it has {self._size}; if it was cut short, "
                "bring the whole file back, or extract the features again"
            )
        _, root, kind, _, tree, heap = struct.unpack_from("<QQIIQQ", head, 56)
        messages = list(self._messages(root))
        for message in messages:
            if message.kind == _ATTRIBUTE:
                self._check_attribute(message.data)
        self._check_group(messages, (tree, heap) if kind == 1 else None, True)

    def _check_group(
        self, messages: list[_Message], cached: tuple[int, int] | None, is_root: bool
    ) -> None:
        """The links of a group; those of the root may lead to one more group."""
        groups = [m.data for m in messages if m.kind == _GROUP]
        allowed = {_NIL, _CONTINUATION, _GROUP, *([_ATTRIBUTE] if is_root else [])}
        self._check_kinds(messages, allowed, "a group")
        if len(groups) != 1:
            raise StructureError("a group whose links are not those of a store")
        tree, heap = struct.unpack_from("<QQ", groups[0])
        if cached is not None and cached != (tree, heap):
            raise StructureError("a group that stands twice, with different links")
        for name, header, kind, scratch in self._links(tree, heap):
            if kind not in (0, 1):
                raise StructureError(f"{name!r} is a link to somewhere else")
            messages = list(self._messages(header))
            if any(m.kind == _GROUP for m in messages):
                if not is_root:
                    raise StructureError(f"{name!r} is a group")
                self._check_group(messages, scratch if kind == 1 else None, False)
            else:
                self._check_array(name, messages)

    def _links(self, tree: int, heap: int) -> Iterator[tuple[str, int, int, tuple[int, int]]]:
        """Name, object header, kind, and what is cached of each link of a group."""
        texts = self._names(heap)
        mark, kind, level, used, left, right = struct.unpack("<4sBBHQQ", self._read(tree, 24))
        if (mark, kind, level, left, right) != (b"TREE", 0, 0, _NOWHERE, _NOWHERE):
            raise StructureError("a group of more links than a store has, or damaged ones")
        if used > _MOST_NAMES:
            raise StructureError("a group of more links than a store has")
        node_size = 24 + 8 * (2 * 2 * 16 + 1)
        children = self._read(tree, node_size)[24:]
        for i in range(used):
            _, address, key = struct.unpack_from("<QQQ", children, 16 * i)
            if key >= len(texts):
                raise StructureError("a group whose names are not in it")
            mark, version, _, n = struct.unpack("<4sBBH", self._read(address, 8))
            if (mark, version) != (b"SNOD", 1) or not 0 < n <= 8:
                raise StructureError("a group whose links are damaged")
            entries = self._read(address + 8, 40 * 8)
            for j in range(n):
                at, header, cached, _, a, b = struct.unpack_from("<QQIIQQ", entries, 40 * j)
                stop = texts.find(b"\0", at)
                if at >= len(texts) or stop < 0:
                    raise StructureError("a group whose names are not in it")
                yield texts[at:stop].decode(), header, cached, (a, b)

    def _names(self, heap: int) -> bytes:
        """The names of a group's links, in its local heap."""
        mark, version, _, size, free, address = struct.unpack("<4sB3sQQQ", self._read(heap, 32))
        if (mark, version) != (b"HEAP", 0) or size > 1 << 16:
            raise StructureError("a group whose names are damaged")
        texts = self._read(address, size)
        for _ in range(_MOST_NAMES):
            if free in (1, _NOWHERE):
                return texts
            if free % 8 or free + 16 > size:
                break
            after, length = struct.unpack_from("<QQ", texts, free)
            if length < 16 or free + length > size:
                break
            free = after
        raise StructureError("a group whose names are damaged")

    def _check_attribute(self, data: bytes) -> None:
        """An attribute of the root: a text, or one number."""
        version, _, *sizes = struct.unpack_from("<BBHHH", data)
        if version != 1 or sizes[2] != 8:
            raise StructureError("an attribute of another kind than a store has")
        padded = [-(-size // 8) * 8 for size in sizes]
        name = data[8 : 8 + sizes[0]].rstrip(b"\0").decode()
        at = 8 + padded[0]
        dtype, space = data[at : at + sizes[1]], data[at + padded[1] : at + padded[1] + 8]
        value = data[at + padded[1] + 8 :]
        if space != bytes([1, *[0] * 7]):
            raise StructureError(f"its attribute {name!r} is not one value")
        if dtype == _TEXT:
            length, address, number = struct.unpack_from("<IQI", value)
            text = self._heap_text(address, number, length)
            self.is_store = self.is_store or (name == "format" and text == b"aqa feature store")
        elif dtype not in _NUMBERS or len(value) < _NUMBERS[dtype].itemsize:
            raise StructureError(f"its attribute {name!r} is neither a text nor a number")

    def _heap_text(self, address: int, number: int, length: int) -> bytes:
        """A text of so many bytes in a global heap."""
        mark, version, _, size = struct.unpack("<4sB3sQ", self._read(address, 16))
        if (mark, version) != (b"GCOL", 1) or size > _LARGEST_TEXT or size < 16:
            raise StructureError("a text of an attribute is damaged")
        heap, at, found = self._read(address, size), 16, None
        while at + 16 <= size:
            index, _, _, n = struct.unpack_from("<HHIQ", heap, at)
            taken = n if index == 0 else 16 + -(-n // 8) * 8
            if taken < 16 or at + taken > size:
                raise StructureError("a text of an attribute is damaged")
            if index and index == number:
                found = heap[at + 16 : at + 16 + n]
            if index == 0 and at + taken != size:  # what is free lies last
                break
            at += taken
        if at + 16 <= size:
            raise StructureError("a text of an attribute is damaged")
        if found is None or len(found) != length:
            raise StructureError("a text of an attribute is damaged")
        return found

    def _check_array(self, name: str, messages: list[_Message]) -> None:
        """A contiguous array of plain numbers or texts, all of it in the file."""
        kinds = [m.kind for m in messages]
        if _EXTERNAL in kinds:
            raise StructureError(f"/{name} lies in another file")
        found = {m.kind: m.data for m in messages}
        layout = found.get(_LAYOUT, b"\3\1")
        if layout[:2] != b"\3\1" or _FILTERS in kinds:
            raise StructureError(
                f"/{name} is chunked, compressed or virtual; a store's arrays are plain"
            )
        once = {_SPACE, _TYPE, _FILL, _LAYOUT}
        self._check_kinds(messages, {*once, _NIL, _CONTINUATION}, f"/{name}")
        if any(kinds.count(kind) != 1 for kind in once):
            raise StructureError(f"/{name} is not an array as a store has them")
        shape, item = _shape(name, found[_SPACE]), _item_bytes(name, found[_TYPE])
        version, when, fills, is_set = struct.unpack_from("<4B", found[_FILL])
        n_fill = struct.unpack_from("<I", found[_FILL], 4)[0] if is_set else 0
        if version != 2 or when not in (1, 2, 3) or fills > 2 or is_set > 1 or n_fill:
            raise StructureError(f"/{name} has another value to fill it than a store has")
        address, size = struct.unpack_from("<QQ", layout, 2)
        n_bytes = math.prod(shape) * item
        if max(n_bytes, size) and max(n_bytes, size) + address > self._size:
            raise StructureError(
                f"/{name} of {n_bytes} bytes does not lie in the file, which has {self._size}"
            )

    def _check_kinds(self, messages: list[_Message], allowed: set[int], what: str) -> None:
        for message in messages:
            if message.kind not in allowed:
                raise StructureError(f"{what} has properties that no part of a store has")

    def _messages(self, header: int) -> Iterator[_Message]:
        """The messages of an object header."""
        version, _, count, links, size = struct.unpack("<BBHII", self._read(header, 12))
        if version != 1 or links != 1 or count > _MOST_MESSAGES:
            raise StructureError("an object header of another kind than a store has")
        blocks, seen = [(header + 16, size)], 0
        for start, length in blocks:
            block, at = self._read(start, length), 0
            while at + 8 <= length:
                kind, n, flags = struct.unpack_from("<HHB", block, at)
                data = block[at + 8 : at + 8 + n]
                if n % 8 or len(data) < n or flags & ~1:
                    raise StructureError("an object header that is damaged")
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack_from("<QQ", data))
                yield _Message(kind, data)
                at, seen = at + 8 + n, seen + 1
            if at != length or len(blocks) > _MOST_BLOCKS:
                raise StructureError("an object header that is damaged")
        if seen != count:
            raise StructureError("an object header that is damaged")

    def _read(self, offset: int, n: int) -> bytes:
        if offset + n > self._size:
            raise StructureError(f"its structures lead beyond its end, byte {self._size}")
        self._file.seek(offset)
        data = self._file.read(n)
        if len(data) < n:
            raise StructureError("it became shorter while it was read")
        return data


def _shape(name: str, data: bytes) -> tuple[int, ...]:
    """The shape in a dataspace message."""
    version, n_axes, flags = data[:3]
    if version != 1 or n_axes > 9 or flags & ~1 or len(data) < 8 + 8 * n_axes * (1 + flags):
        raise StructureError(f"/{name} has axes of another kind than a store has")
    shape = struct.unpack_from(f"<{n_axes}Q", data, 8)
    if flags and struct.unpack_from(f"<{n_axes}Q", data, 8 + 8 * n_axes) != shape:
        raise StructureError(f"/{name} can grow by itself, which no array of a store can")
    if any(n > 2**62 for n in shape):
        raise StructureError(f"/{name} has the shape {shape}")
    return shape


def _item_bytes(name: str, data: bytes) -> int:
    """The bytes of one value, from a datatype message."""
    for dtype, numbers in _NUMBERS.items():
        if data[: len(dtype)] == dtype and not any(data[len(dtype) :]):
            return numbers.itemsize
    size = int.from_bytes(data[4:8], "little")
    if data[:4] != bytes.fromhex("13110000") or any(data[8:]) or not 0 < size <= 1 << 16:
        raise StructureError(f"/{name} holds neither numbers nor texts as a store does")
    return size

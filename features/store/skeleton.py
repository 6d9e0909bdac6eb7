"""The HDF5 structures of a store, made in memory, and the few numbers in them that change later.

HDF5 never writes a store on disk: a full disk or a kill in the middle of it would leave a file
that nobody can open, or end the process. It makes the structures in memory; where the arrays lie
and how long they are is then written into them here. The numbers that change lie in the
superblock (version 0) and in the object headers (version 1) of the file format specification,
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html, neither of which has a
checksum.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.features.store.format import (
    FORMAT,
    TEXT_BYTES,
    VERSION,
    Kind,
    Room,
    kinds,
    store_checksum,
)

# Where the superblock says how long the file is.
END_OF_FILE = 40
_DATASPACE, _LAYOUT, _CONTINUATION = 1, 8, 16
_ALIGNED = 4096
_HAS_LARGEST = 1


class Place(NamedTuple):
    """Where an array lies in the file, and where the file says how long it is.

    offset: of its first byte. row_bytes: of one row. room: how many rows it has room for; None:
    no end, it lies last. length_at, size_at: where its length in rows stands, which a single number
    does not have, and how many bytes are its own.
    """

    offset: int
    row_bytes: int
    room: int | None
    length_at: int | None
    size_at: int


class Fields(NamedTuple):
    """Offsets of numbers in an array's object header: its length in rows, and where it lies.

    flags_at: of the byte that says whether a largest length stands there too.
    """

    length_at: int | None
    flags_at: int
    address_at: int

    @property
    def size_at(self) -> int:
        """Where its length in bytes stands."""
        return self.address_at + 8


class Texts(NamedTuple):
    """What a store says of itself, as it stands in the file: JSON, and the blank response."""

    spec: str
    provenance: str
    blank: NDArray[np.floating] | None


def make_skeleton(
    texts: Texts, spec: Mapping[str, Any], n_augmentations: int, room: Room
) -> tuple[bytes, dict[str, Place]]:
    """The bytes in front of the arrays of a store without videos, and where its arrays go.

    The arrays have no rows yet; `/features` lies last.
    """
    arrays: dict[str, Kind | None] = {"count": None, "count_check": None}
    arrays |= kinds(spec, n_augmentations)
    with h5py.File("store", "w", driver="core", backing_store=False, libver="earliest") as file:
        file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
        file.attrs["spec"], file.attrs["provenance"] = texts.spec, texts.provenance
        file.attrs["crc32"] = np.uint32(store_checksum(*texts))
        if texts.blank is not None:
            file["blank"] = texts.blank
        headers = {n: _declare(file, n, kind, room.id_width) for n, kind in arrays.items()}
        row_bytes = {name: _row_bytes(file[name]) for name in arrays}
        file.flush()
        image = bytearray(file.id.get_file_image())
    places = {}
    end = len(image)
    for name, kind in arrays.items():
        fields = find_fields(image, headers[name], 0 if kind is None else 1)
        capacity = 1 if kind is None else room.n_videos
        capacity = room.n_rows if name == "clips" else capacity
        last = name == "features"
        aligned = _ALIGNED if last else 16 if name == "count" else 8
        offset = -(-end // aligned) * aligned
        n_bytes = 0 if last else capacity * row_bytes[name]
        places[name] = Place(
            offset, row_bytes[name], None if last else capacity, fields.length_at, fields.size_at
        )
        struct.pack_into("<QQ", image, fields.address_at, offset, n_bytes)
        if fields.length_at is not None:
            struct.pack_into("<Q", image, fields.length_at, 0)
            image[fields.flags_at] &= ~_HAS_LARGEST & 255  # one length alone is to be changed
        end = offset + n_bytes
    struct.pack_into("<Q", image, END_OF_FILE, end)
    return bytes(image) + bytes(places["count"].offset - len(image)), places


def _declare(file: h5py.File, name: str, kind: Kind | None, id_width: int) -> int:
    """Declare an array that lies nowhere yet; returns where its object header is."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    shape, dtype = ((), "int64") if kind is None else ((1, *kind.row), kind.dtype)
    if dtype is None:
        dtype = h5py.string_dtype("utf-8", id_width if name == "videos/id" else TEXT_BYTES)
    array = file.create_dataset(name, shape, dtype, dcpl=properties, track_times=False)
    return int(h5py.h5o.get_info(array.id).addr)


def _row_bytes(array: h5py.Dataset) -> int:
    return math.prod(array.shape[1:]) * int(array.dtype.itemsize)


def find_fields(image: bytes | bytearray, header: int, rank: int) -> Fields:
    """The fields of an array in the bytes of a file; `ValueError` where they are not there.

    header: where its object header begins. rank: 0 for a single number, else 1.
    """
    space = address = None
    for kind, at in _messages(image, header):
        if kind == _DATASPACE:
            version, n_axes, _ = image[at : at + 3]
            if version != 1 or bool(n_axes) != bool(rank):
                raise ValueError("a dataspace of another version")
            space = at
        elif kind == _LAYOUT:
            if tuple(image[at : at + 2]) != (3, 1):
                raise ValueError("a layout of another version, or not contiguous")
            address = at + 2
    if space is None or address is None:
        raise ValueError("an object header without a dataspace or layout")
    return Fields(space + 8 if rank else None, space + 2, address)


def _messages(image: bytes | bytearray, header: int) -> Iterator[tuple[int, int]]:
    """Kind, and offset of the content, of each message of a version 1 object header."""
    version, _, count, _, size = struct.unpack_from("<BBHII", image, header)
    if version != 1:
        raise ValueError(f"an object header of version {version}")
    blocks = [(header + 16, size)]
    while blocks:
        at, size = blocks.pop(0)
        end = at + size
        while at + 8 <= end and count:
            kind, size = struct.unpack_from("<HH", image, at)
            if kind == _CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", image, at + 8))
            yield kind, at + 8
            at, count = at + 8 + size, count - 1

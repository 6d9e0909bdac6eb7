"""Rows of a store written at their places in the file, past HDF5.

HDF5 itself is not asked to write: what it keeps of the file's structure changes only in the
lengths of arrays, eight bytes each, so that a kill at any instant leaves a file that opens.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip
from aqa.features.store.checked_file import CheckedFile
from aqa.features.store.format import TEXT_BYTES, Room, record_checksum
from aqa.features.store.skeleton import END_OF_FILE, Place, find_fields

# By how many bytes, at least and at most, the file is made longer; they are holes until written.
_STEPS = 1 << 20, 64 << 20
# In the first bytes of the file lie the structures of HDF5, as long as the texts of a store.
_LARGEST_SKELETON = 1 << 28


class RawStoreFile:
    """An open store file into whose arrays rows are written.

    room: how many videos and rows the tables have room for; `/features`, which lies last, has
    always. durable: wait until what was written is on the disk, before it counts and after.
    """

    def __init__(self, path: Path, places: Mapping[str, Place], durable: bool):
        self._places = places
        tables = [place.room or 0 for name, place in places.items() if name.startswith("videos/")]
        id_width = places["videos/id"].row_bytes
        self.room = Room(min(tables), places["clips"].room or 0, id_width)
        self._durable = durable
        self._file = FileIO(path, "r+b")
        self._is_declared = False

    def write_video(
        self,
        number: int,
        row: int,
        video_id: str,
        augmented: Sequence[tuple[NDArray[np.floating], Sequence[Clip]]],
        known: Mapping[str, Any],
    ) -> None:
        """Write the video of this number, its rows from this one on; it does not count yet.

        augmented: for each augmentation the features, and the clip behind each row of them.
        known: its row of the tables frames, n_bytes, n_frames, fps, content and decoder.
        """
        ends = row + np.cumsum([len(features) for features, _ in augmented])
        self.make_longer(int(ends[-1]))
        ranges, checksums = [], []
        for (features, clips), end in zip(augmented, ends.tolist(), strict=True):
            values = np.asarray(clips, np.int32)
            self.write("features", end - len(features), features)
            self.write("clips", end - len(features), values)
            ranges.append([end - len(features), end])
            checksums.append([zlib.crc32(features.data), zlib.crc32(values.data)])
        record = {
            **known,
            "rows": np.array(ranges, np.int64),
            "crc32": np.array(checksums, np.uint32)[:, 0],
            "clips_crc32": np.array(checksums, np.uint32)[:, 1],
        }
        record["record_crc32"] = np.uint32(record_checksum(video_id, record))
        self.write("videos/id", number, video_id.encode().ljust(self.room.id_width, b"\0"))
        for name, value in record.items():
            if isinstance(value, bytes):
                value = value.ljust(TEXT_BYTES, b"\0")
            self.write(f"videos/{name}", number, value)

    def commit(self, count: int) -> None:
        """Make the first `count` videos exist, once their data is on the disk."""
        self._sync()
        # The two lie side by side in one sector of the disk.
        _write_all(self._file, struct.pack("<QQ", count, count), self._places["count"].offset)
        self._sync()

    def trim(self, n_videos: int, n_rows: int) -> None:
        """Give every array its exact length, and the file too; writes only what is not so yet."""
        changed = self._declare_tables(n_videos, n_rows) | self._declare_features(n_rows)
        changed |= self._set(self._places["count_check"].offset, n_videos)
        end = self._end(n_rows)
        if changed:
            self._sync()
        if self._set(END_OF_FILE, end):
            self._sync()
        if os.fstat(self._file.fileno()).st_size != end:
            _truncate(self._file, end)
            self._sync()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def write(self, name: str, row: int, values: NDArray[Any] | np.generic | bytes) -> None:
        """Write values from this row of an array on."""
        place = self._places[name]
        data = values if isinstance(values, bytes) else values.tobytes()
        _write_all(self._file, data, place.offset + row * place.row_bytes)

    def make_longer(self, n_rows: int) -> None:
        """Declare the room of the tables, and at least so many rows of features."""
        if not self._is_declared:
            self._declare_tables(self.room.n_videos, self.room.n_rows)
            self._is_declared = True
        place = self._places["features"]
        if n_rows > self._get(_length_at(place)):
            least, most = (size // place.row_bytes for size in _STEPS)
            n_rows += min(n_rows + least, most)
            _truncate(self._file, self._end(n_rows))
            self._sync()  # HDF5 opens no file that is shorter than it says
            self._set(END_OF_FILE, self._end(n_rows))
            self._sync()
            self._declare_features(n_rows)

    def _declare_tables(self, n_videos: int, n_rows: int) -> bool:
        """Set the lengths of all arrays in front of the features; whether one was another."""
        changed = False
        for name, place in self._places.items():
            if name != "features" and place.length_at is not None:
                changed |= self._set(place.length_at, n_rows if name == "clips" else n_videos)
        return changed

    def _declare_features(self, n_rows: int) -> bool:
        place = self._places["features"]
        changed = self._set(_length_at(place), n_rows)
        return self._set(place.size_at, n_rows * place.row_bytes) or changed

    def _end(self, n_rows: int) -> int:
        """How long the file is with so many rows of features."""
        place = self._places["features"]
        return place.offset + n_rows * place.row_bytes

    def _get(self, offset: int) -> int:
        self._file.seek(offset)
        return int.from_bytes(self._file.read(8), "little")

    def _set(self, offset: int, number: int) -> bool:
        """Write eight bytes, if they are others; whether they were."""
        if self._get(offset) == number:
            return False
        _write_all(self._file, number.to_bytes(8, "little"), offset)
        return True

    def _sync(self) -> None:
        if self._durable:
            _sync(self._file)


def places_in(store: CheckedFile) -> dict[str, Place] | None:
    """Where the arrays of a store lie; None where it cannot grow as it stands.

    That is so for stores made by an earlier version, and those that HDF5 wrote.
    """
    if not store.is_covered:
        return None
    headers = store.headers()
    headers.pop("blank", None)
    with store.path.open("rb") as file:
        image = file.read(min(min(offset for _, offset, _ in headers.values()), _LARGEST_SKELETON))
    behind = sorted((offset, name) for name, (_, offset, _) in headers.items())
    if behind[-1][1] != "features" or headers["count_check"][1] != headers["count"][1] + 8:
        return None
    places = {}
    for (offset, name), (following, _) in zip(behind, [*behind[1:], (0, "")], strict=True):
        header, _, row_bytes = headers[name]
        try:
            fields = find_fields(image, header, 0 if name in ("count", "count_check") else 1)
            if image[fields.flags_at]:
                return None
        except (ValueError, struct.error, IndexError):
            return None
        room = None
        if following:  # HDF5 gives other numbers for rows past the bytes that the layout says
            (own,) = struct.unpack_from("<Q", image, fields.size_at)
            room = min(own, following - offset) // row_bytes
        places[name] = Place(offset, row_bytes, room, fields.length_at, fields.size_at)
    return places


def _length_at(place: Place) -> int:
    assert place.length_at is not None
    return place.length_at


def _write_all(file: FileIO, data: bytes, offset: int) -> None:
    file.seek(offset)
    rest = memoryview(data)
    while rest:  # one write may take only a part of what it is given
        rest = rest[file.write(rest) :]


def _truncate(file: FileIO, size: int) -> None:
    file.truncate(size)


def _sync(file: FileIO) -> None:
    os.fsync(file.fileno())

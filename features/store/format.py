"""The file format of a store: one HDF5 file of clip features, readable with plain h5py.

    /                      attributes: format, version, spec (JSON), provenance (JSON), and
                           crc32 *: of the texts spec and provenance, and the bytes of /blank
    /features              (rows, *shape) float32 or float16, one row per clip
    /clips                 (rows, 2) int32, the half-open frame range of each row
    /blank                 (*shape,), the response to an all-black clip (absent in imported stores)
    /videos/id             (videos,) UTF-8
    /videos/rows           (videos, augmentations, 2) int64, the half-open range of rows of each
    /videos/frames         (videos, 2) int64, the half-open frame range that was asked for;
                           stop -1: to the end of the video
    /videos/n_bytes        (videos,) int64, size of the file it was read from; -1: not known
    /videos/n_frames       (videos,) int64, how many frames were read and cut into clips
    /videos/fps            (videos,) float64, frames per second; NaN where unknown
    /videos/crc32          (videos, augmentations) uint32, checksum of each one's bytes in /features
    /videos/clips_crc32 *  (videos, augmentations) uint32, checksum of each one's bytes in /clips
    /videos/content *      (videos,) UTF-8, what tells the video's content from any other's; or ""
    /videos/decoder *      (videos,) UTF-8, what decoded the video; or ""
    /videos/record_crc32 * (videos,) uint32, checksum of the id and of the bytes of this video's row
                           in all tables above it, in this order
    /count                 () int64, how many videos are finished
    /count_check *         () int64, the same again, in the eight bytes behind it

Arrays with * are absent in stores made by an earlier version; those are read as they are, and have
all of them once a video was added. A store has either all or none. Every array is contiguous,
uncompressed and inside of the file; whatever else is there is refused (`checked_file.py`).
The spec's `views` names the augmentations of the pixels; `original`, without any, comes first.

While a store is being written its arrays are longer than what they hold: `count` videos are
finished, and the rows behind them are spare room. When the writer closes, every array has its
exact length.

How a store grows in place: the tables lie in front, each with spare room behind it (holes of the
file, which take no space on disk), and `/features` lies last. New rows are written at their byte
offsets (`raw_file.py`). HDF5's own structures change only in numbers of eight bytes: the lengths
of arrays, and of the file (`skeleton.py`). Each of these can be changed alone and leaves a file
that opens. A video exists once the eight bytes of `count` say so: its data has reached the disk
before they are written, and they have when `append` returns. So a kill or a power cut at any
instant loses no video for which `append` returned. Only where the room of the tables ends, at
about four times the videos that the store was laid out for, or where an earlier version made the
store, a new file is written, which replaces the old one in one step.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FORMAT = "aqa feature store"
VERSION = 1
# How many bytes of UTF-8 a text about a video may have.
TEXT_BYTES = 96
# The tables with one row per video, besides their ids; the order is that of the checksum.
FIRST_TABLES = ("rows", "frames", "n_bytes", "n_frames", "fps", "crc32")
# Those that stores made by an earlier version do not have.
LATER_TABLES = ("clips_crc32", "content", "decoder", "record_crc32")
TABLES = (*FIRST_TABLES, *LATER_TABLES)


class Kind(NamedTuple):
    """Of an array: the shape of one row, and the type of its numbers (None: UTF-8)."""

    row: tuple[int, ...]
    dtype: str | None


def kinds(spec: Mapping[str, Any], n_augmentations: int) -> dict[str, Kind]:
    """Every array that has rows, by name; those of the tables before `clips` and `features`."""
    per_augmentation = Kind((n_augmentations,), "uint32")
    tables = {
        "id": Kind((), None),
        "rows": Kind((n_augmentations, 2), "int64"),
        "frames": Kind((2,), "int64"),
        "n_bytes": Kind((), "int64"),
        "n_frames": Kind((), "int64"),
        "fps": Kind((), "float64"),
        "crc32": per_augmentation,
        "clips_crc32": per_augmentation,
        "content": Kind((), None),
        "decoder": Kind((), None),
        "record_crc32": Kind((), "uint32"),
    }
    return {
        **{f"videos/{name}": kind for name, kind in tables.items()},
        "clips": Kind((2,), "int32"),
        "features": Kind(tuple(spec["shape"]), spec["dtype"]),
    }


class Room(NamedTuple):
    """How much the arrays of a file have room for: videos, rows, and bytes per id."""

    n_videos: int
    n_rows: int
    id_width: int


@dataclass(frozen=True)
class VideoTable:
    """What a store says of its finished videos; row i of each table is that of `ids[i]`.

    count: how many the store says are finished; `ids` are fewer in a damaged file.
    count_check, and the tables that came later: None in stores that have none.
    """

    count: int
    count_check: int | None
    ids: tuple[str, ...]
    tables: Mapping[str, NDArray[Any]] = field(repr=False)

    @property
    def is_covered(self) -> bool:
        """Whether ids, clips and all else that is known of a video are under a checksum."""
        return self.count_check is not None

    @property
    def rows(self) -> NDArray[np.int64]:
        """(videos, augmentations, 2): the half-open range of rows of each."""
        return self.tables["rows"]

    @property
    def n_rows(self) -> int:
        """Rows of all finished videos: their clips, under each augmentation."""
        return int(self.rows[-1, -1, 1]) if len(self.ids) else 0

    def record_is_sound(self, number: int) -> bool:
        """Whether the id and all else that is known of a video are what was written."""
        if not self.is_covered:
            return True
        row = {name: table[number] for name, table in self.tables.items()}
        return record_checksum(self.ids[number], row) == row["record_crc32"]

    def text(self, name: str, number: int) -> str | None:
        """A video's `content` or `decoder`; None where it is not known."""
        if not self.is_covered:
            return None
        return bytes(self.tables[name][number]).decode(errors="replace") or None


def record_checksum(video_id: str, row: Mapping[str, Any]) -> int:
    """The checksum of all that a store says of one video. row: its row of each table."""
    checksum = zlib.crc32(video_id.encode())
    for name in TABLES[:-1]:
        checksum = zlib.crc32(_bytes(row[name]), checksum)
    return checksum


def _bytes(value: Any) -> bytes:
    return value.ljust(TEXT_BYTES, b"\0") if isinstance(value, bytes) else value.tobytes()


def store_checksum(spec: str, provenance: str, blank: NDArray[Any] | None) -> int:
    """The checksum of what belongs to no video. spec, provenance: the JSON in the file."""
    checksum = zlib.crc32(provenance.encode(), zlib.crc32(spec.encode()))
    return checksum if blank is None else zlib.crc32(np.ascontiguousarray(blank).data, checksum)

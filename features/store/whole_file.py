"""A whole store written at once: an empty one, or the videos of another with more room."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from aqa.features.store.checked_file import CheckedFile
from aqa.features.store.format import (
    LATER_TABLES,
    TABLES,
    TEXT_BYTES,
    Room,
    VideoTable,
    record_checksum,
)
from aqa.features.store.raw_file import RawStoreFile
from aqa.features.store.skeleton import Place, Texts, make_skeleton
from aqa.features.store.spec import Spec, augmentations_of

# How many bytes are copied at once.
_COPIED_BYTES = 64 << 20


def write_whole(
    path: Path, spec: Spec, texts: Texts, room: Room, old: CheckedFile | None = None
) -> dict[str, Place]:
    """Write a store with this much room; returns where its arrays lie.

    texts: what it says of itself, its spec among it. old: a store whose videos it is to hold.
    """
    skeleton, places = make_skeleton(texts, spec, len(augmentations_of(spec)), room)
    path.write_bytes(skeleton)
    file = RawStoreFile(path, places, durable=False)
    try:
        file.make_longer(1)
        if old is not None:
            _copy(old, file)
    finally:
        file.close()
    return places


def _copy(old: CheckedFile, file: RawStoreFile) -> None:
    videos, n_rows = old.videos, old.videos.n_rows
    row_bytes = max(1, int(np.prod(old.spec["shape"])) * np.dtype(old.spec["dtype"]).itemsize)
    step = max(1, _COPIED_BYTES // row_bytes)
    file.make_longer(n_rows)
    for start in range(0, n_rows, step):
        file.write("features", start, old.rows("features", start, min(start + step, n_rows)))
    file.write("clips", 0, old.clips)
    width = file.room.id_width
    ids = b"".join(video_id.encode().ljust(width, b"\0") for video_id in videos.ids)
    file.write("videos/id", 0, ids)
    tables = videos.tables if videos.is_covered else {**videos.tables, **_later_tables(old)}
    for name in TABLES:
        file.write(f"videos/{name}", 0, tables[name])
    file.commit(len(videos.ids))


def _later_tables(old: CheckedFile) -> dict[str, np.ndarray]:
    """The tables that a store of an earlier version lacks."""
    videos: VideoTable = old.videos
    checksums = [
        [zlib.crc32(old.clips[start:stop].data) for start, stop in ranges] for ranges in videos.rows
    ]
    empty = np.zeros(len(videos.ids), f"S{TEXT_BYTES}")
    clips_crc32 = np.array(checksums, np.uint32).reshape(videos.rows.shape[:2])
    later = dict(zip(LATER_TABLES, (clips_crc32, empty, empty), strict=False))
    tables = {**videos.tables, **later}
    records = [
        record_checksum(video_id, {name: table[i] for name, table in tables.items()})
        for i, video_id in enumerate(videos.ids)
    ]
    return {**later, "record_crc32": np.array(records, np.uint32)}

"""Checking all of a store: its counts, the bytes of every feature, and the clips behind them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aqa.features.store.checked_file import CheckedFile
from aqa.features.store.spec import Spec, augmentations_of

# How many bytes of features are read at once.
_READ_BYTES = 16 << 20


def find_problems(store: CheckedFile) -> list[str]:
    """Read and check all of an open store; one line per problem, none for a sound store."""
    return [*store.problems, *(_wrong_videos(store) if store.can_be_read else ())]


def _wrong_videos(store: CheckedFile) -> Iterator[str]:
    """Videos whose record, features or clips are not what was written, or make no sense."""
    videos, augmentations = store.videos, augmentations_of(store.spec)
    for i, k in np.ndindex(videos.rows.shape[:2]):
        name = f"{videos.ids[i]} ({augmentations[k]})"
        start, stop = (int(row) for row in videos.rows[i, k])
        if k == 0 and not videos.record_is_sound(i):
            yield f"{videos.ids[i]}: what it says of it is not what was written (checksum)"
        if not 0 <= start < stop <= videos.n_rows:
            continue  # it is among the problems of the store
        checksum, is_finite = _read_features(store, start, stop)
        clips = store.rows_at_all("clips", start, stop)
        if checksum != videos.tables["crc32"][i, k]:
            yield f"{name}: its features are not what was written (checksum)"
        elif not is_finite:
            yield f"{name}: features that are not finite"
        elif problem := _wrong_clips(clips, int(videos.tables["n_frames"][i]), store.spec):
            yield f"{name}: {problem}"
        elif videos.is_covered and zlib.crc32(clips.data) != videos.tables["clips_crc32"][i, k]:
            yield f"{name}: its clips are not what was written (checksum)"


def _read_features(store: CheckedFile, start: int, stop: int) -> tuple[int, bool]:
    """The checksum of rows of features, and whether all of them are finite."""
    row_bytes = np.dtype(store.spec["dtype"]).itemsize * int(np.prod(store.spec["shape"]))
    step = max(1, _READ_BYTES // row_bytes)
    checksum, is_finite = 0, True
    for first in range(start, stop, step):
        features = store.rows_at_all("features", first, min(first + step, stop))
        checksum = zlib.crc32(features.data, checksum)
        is_finite = is_finite and bool(np.isfinite(features).all())
    return checksum, is_finite


def _wrong_clips(clips: NDArray[np.int32], n_frames: int, spec: Spec) -> str | None:
    """What is wrong with clips, (n, 2); they may lie in the padding alone."""
    first, last = clips.T
    wrong = {
        "ends before it starts": first >= last,
        "does not start after the one before it": np.r_[False, first[1:] <= first[:-1]],
    }
    if length := spec.get("clip_length"):
        wanted = max(length, spec.get("window") or 0, spec.get("frames") or 0)
        outside = (first < -wanted) | (first >= max(n_frames, wanted))
        wrong[f"is not in its {n_frames} frames"] = outside
    return next(
        (f"clip {np.argmax(where)} {what}" for what, where in wrong.items() if where.any()), None
    )

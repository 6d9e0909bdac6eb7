"""Checking all of a store: its counts, the bytes of every feature, and the clips behind them."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.errors import listed
from aqa.features.store.format import VideoTable
from aqa.features.store.spec import Spec, augmentations_of


def find_problems(file: h5py.File, spec: Spec, videos: VideoTable) -> list[str]:
    """Read and check all of an open store; one line per problem, none for a sound store."""
    problems = [*_wrong_arrays(file, spec, videos)]
    if problems:
        return problems  # the rows cannot be read as they are described
    repeated = sorted(i for i, n in Counter(videos.ids).items() if n > 1)
    if repeated:
        problems.append(f"ids that are listed twice: {listed(repeated)}")
    return problems + list(_wrong_rows(file, spec, videos))


def _wrong_arrays(file: h5py.File, spec: Spec, videos: VideoTable) -> Iterator[str]:
    """Arrays that are missing, too short, or of another shape or type than the spec says."""
    missing = [name for name in ("features", "clips") if name not in file]
    if missing:
        yield from (f"/{name} is missing" for name in missing)
        return
    needed = {"features": videos.n_rows, "clips": videos.n_rows}
    needed |= {f"videos/{name}": videos.count for name in file["videos"]}
    for name, n in needed.items():
        if not 0 <= n <= len(file[name]):
            yield f"/{name} has {len(file[name])} rows, but {n} are counted"
    kinds = {
        "features": (tuple(spec["shape"]), spec["dtype"]),
        "clips": ((2,), "int32"),
        "videos/rows": ((len(augmentations_of(spec)), 2), "int64"),
    }
    for name, (shape, dtype) in kinds.items():
        if (file[name].shape[1:], file[name].dtype) != (shape, dtype):
            yield (
                f"/{name} is {file[name].dtype} with rows of shape {file[name].shape[1:]}, "
                f"not {dtype} with rows of shape {shape}"
            )


def _wrong_rows(file: h5py.File, spec: Spec, videos: VideoTable) -> Iterator[str]:
    """Videos and augmentations whose rows, features or clips are not what was written."""
    expected = 0
    augmentations = augmentations_of(spec)
    for i, k in np.ndindex(videos.crc32.shape):
        name = f"{videos.ids[i]} ({augmentations[k]})"
        start, stop = (int(row) for row in videos.rows[i, k])
        features, clips = file["features"][start:stop], file["clips"][start:stop]
        if start != expected or stop <= start:
            yield f"{name}: rows {start}-{stop} do not follow row {expected}"
        elif zlib.crc32(features.tobytes()) != videos.crc32[i, k]:
            yield f"{name}: its features are not what was written (checksum)"
        elif not np.isfinite(features).all():
            yield f"{name}: features that are not finite"
        elif problem := _wrong_clips(clips, int(videos.n_frames[i]), spec):
            yield f"{name}: {problem}"
        expected = stop


def _wrong_clips(clips: NDArray[np.int32], n_frames: int, spec: Spec) -> str | None:
    """What is wrong with clips, (n, 2); they may lie in the padding alone."""
    first, last = clips.T
    wrong = {
        "ends before it starts": first >= last,
        "does not start after the one before it": np.r_[False, first[1:] <= first[:-1]],
    }
    if length := spec.get("clip_length"):
        wanted = max(length, spec.get("frames") or 0)
        outside = (first < -wanted) | (first >= max(n_frames, wanted))
        wrong[f"is not in its {n_frames} frames"] = outside
    return next(
        (f"clip {np.argmax(where)} {what}" for what, where in wrong.items() if where.any()), None
    )

"""Features that are made up, so that everything behind them can be tried without any video."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.store import import_arrays

NAME = "stand-in"
MOST_BYTES = 8 << 30


def parse_shape(text: str) -> tuple[int, ...]:
    """The shape of a clip's feature: `4096`, or of a map `512x2x7x7`; `AqaError` for another."""
    parts = text.lower().split("x")
    if not all(part.isascii() and part.isdecimal() and 0 < int(part) < 2**31 for part in parts):
        raise AqaError(f"--features {text}: no shape, such as 4096 or 512x2x7x7")
    return tuple(map(int, parts))


def write_stand_in(
    path: Path, ids: Sequence[str], n_clips: int, shape: tuple[int, ...], seed: int = 0
) -> None:
    """Make a store of random numbers, (n_clips, *shape) for each video; its spec says so.

    The numbers are normal, and know nothing of the videos: whatever is fitted on them can only be
    at chance. Those of a video follow from its id, `seed` and the shape alone.
    """
    n_bytes = 4 * len(ids) * n_clips * math.prod(shape)
    if n_bytes > MOST_BYTES:
        raise AqaError(
            f"{len(ids)} videos of {n_clips} clips of {math.prod(shape)} numbers take {n_bytes} "
            f"bytes, more than {MOST_BYTES}: take fewer --clips or --features"
        )
    import_arrays(
        path,
        {video_id: _drawn(video_id, (n_clips, *shape), seed) for video_id in ids},
        source=NAME,
        made_up=f"random numbers, seed {seed}",
    )


def _drawn(video_id: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng([seed, zlib.crc32(video_id.encode("utf-8", "surrogatepass"))])
    return rng.standard_normal(shape, np.float32)

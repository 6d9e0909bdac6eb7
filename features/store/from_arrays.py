"""A store made of arrays that were computed elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.features.clips import Clip
from aqa.features.store.spec import Spec, StoreError
from aqa.features.store.writer import FeatureStoreWriter
from aqa.files import replacing


def import_arrays(
    path: str | os.PathLike[str],
    arrays: Mapping[str, NDArray[np.floating]],
    *,
    source: str,
    fitted_on: Sequence[str] | None = None,
    dtype: str = "float32",
    clips: Mapping[str, tuple[Sequence[Clip], int]] | None = None,
    clip_length: int | None = None,
    stride: int | None = None,
    fps: float | None = None,
    made_up: str | None = None,
) -> None:
    """Make a store from arrays that were computed elsewhere.

    arrays: id -> (n_clips, dim), or (dim,) where a video has one feature. source: what they are;
    recorded in the spec as the backbone. fitted_on: ids of the videos that the network behind them
    has learned from, if known: a head cannot be evaluated honestly on those. clips: id -> the
    frames behind its rows, and how many frames the video has; without it each row counts as one
    frame. clip_length, stride: of those clips, in frames. fps: frames per second. made_up: what
    they are made up of, where they are of no video; commands then warn of them. `StoreError` where
    `path` exists, or where the arrays differ in shape or are not finite.
    """
    path = Path(path)
    if path.exists():
        raise StoreError(f"{path}: it exists; remove it or name another file with --store")
    if not arrays:
        raise StoreError(f"{source}: it holds no videos")
    with np.errstate(over="ignore"):  # what overflows is found not finite below
        rows = {
            i: np.asarray(array[None] if array.ndim == 1 else array, dtype)
            for i, array in arrays.items()
        }
    shape = tuple(next(iter(rows.values())).shape[1:])
    for video_id, array in rows.items():
        if array.shape[1:] != shape or not len(array):
            raise StoreError(
                f"{source}: video {video_id!r} has an array of shape {array.shape}, "
                f"expected (clips, {', '.join(map(str, shape))}) as the first one has"
            )
        if not np.isfinite(array).all():
            raise StoreError(f"{source}: video {video_id!r} has values that are not finite")
    spec: Spec = {
        "backbone": source,
        "weights": {
            "name": None,
            "sha256": None,
            "fitted_on": None if fitted_on is None else list(fitted_on),
        },
        "layer": None,
        "shape": list(shape),
        "dtype": dtype,
        "clip_length": clip_length,
        "stride": stride,
        "frames": None,
        "padding": None,
        "tail": None,
        "preprocess": None,
        "views": ["original"],
        **({} if made_up is None else {"made_up": made_up}),
    }
    temporary = path
    try:
        with replacing(path, new=True) as temporary:
            temporary.unlink()  # the writer makes its own
            with FeatureStoreWriter(temporary, spec, ids=rows, durable=False) as writer:
                for video_id, array in rows.items():
                    of_rows = [Clip(i, i + 1) for i in range(len(array))]
                    of_video, n_frames = (clips or {}).get(video_id, (of_rows, len(array)))
                    rate = float("nan") if fps is None else fps
                    writer.append(video_id, [(array, of_video)], n_frames=n_frames, fps=rate)
    except StoreError as error:
        raise StoreError(str(error).replace(str(temporary), str(path))) from None

"""Checks of what a head is given, with one line that names the video and the problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from aqa.errors import HeadError, listed
from aqa.models.examples import Examples, Sequences

# Those whose `takes_pairs` is true with their defaults.
RANKING_HEADS = "average, fragments, lstm, st-gcn, svr and wd"


class UnfittedHeadError(HeadError, NotFittedError):
    """A head that is asked before it is fitted."""


def name_of(video: int, ids: Sequence[str] | None) -> str:
    """What an error calls a video: by its id, or as the row of the arrays that were given."""
    return f"row {video}" if ids is None else called(ids[video])


def called(name: str) -> str:
    """A video by its id; `row 3` of arrays, which `Examples.of` calls so, is no id."""
    return name if name.startswith("row ") else f"video {name}"


def listed_videos(videos: Sequence[int], ids: Sequence[str] | None) -> str:
    """The first videos of these numbers by their ids, and how many there are beside those."""
    if ids is None:
        return f"rows {listed(videos)}"
    return listed(ids[video] for video in videos)


def check_sequences(
    x: Sequences,
    dim: int | tuple[int, ...] | None = None,
    *,
    maps: bool = False,
    ids: Sequence[str] | None = None,
) -> list[NDArray[np.float32]]:
    """The sequences as float32, or `HeadError` with the first that is not (n_clips, *dim).

    dim: of a clip's feature; None takes the first video's. maps: a clip's feature is (channels,
    time, height, width), and not a vector. ids: what errors call the videos.
    """
    sequences = [np.asarray(sequence, np.float32) for sequence in x]
    if not sequences:
        raise HeadError("no videos were given")
    if dim is None:
        dim = sequences[0].shape[-4 if maps else -1 :]
    shape = (dim,) if isinstance(dim, int) else tuple(dim)
    for i, sequence in enumerate(sequences):
        name = name_of(i, ids or None)
        if sequence.ndim != (5 if maps else 2) or not len(sequence) or sequence.shape[1:] != shape:
            expected = ", ".join(["clips", *map(str, shape)])
            raise HeadError(
                f"{name} has features of shape {sequence.shape}, "
                f"expected ({expected}) with one clip or more"
            )
        if not np.isfinite(sequence).all():
            raise HeadError(f"{name} has features that are not finite")
    return sequences


def check_views(
    views: Sequence[Sequences],
    sequences: list[NDArray[np.float32]],
    ids: Sequence[str] | None = None,
) -> list[list[NDArray[np.float32]]]:
    """Checked augmentations of the training videos; `HeadError` where one has other videos."""
    for number, view in enumerate(views):
        if len(view) != len(sequences):
            raise HeadError(f"augmentation {number} has {len(view)} videos for {len(sequences)}")
    first = sequences[0]
    return [check_sequences(view, first.shape[1:], maps=first.ndim == 5, ids=ids) for view in views]


def check_fit(
    x: Sequences,
    y: ArrayLike,
    least: int = 2,
    *,
    maps: bool = False,
    ids: Sequence[str] | None = None,
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Checked training videos and scores; `least` is the fewest videos that can be fitted."""
    sequences, scores = check_sequences(x, maps=maps, ids=ids), np.asarray(y, np.float64)
    if scores.shape != (len(sequences),) or not np.isfinite(scores).all():
        raise HeadError(
            f"expected {len(sequences)} finite scores, one per video; got shape {scores.shape}"
        )
    if len(sequences) < least:
        raise HeadError(f"{len(sequences)} training videos; it takes {least} or more to fit")
    return sequences, scores


def check_pairs(examples: Examples) -> NDArray[np.intp]:
    """The pairs to learn from or to stop by, (pairs, 2); `HeadError` where there are none."""
    pairs = examples.pairs
    if pairs is None or not len(pairs):
        raise HeadError(
            f"no pair of two of the {len(examples)} videos to learn who is better from; add pairs "
            "of these videos"
        )
    return pairs


def check_column(
    name: str, values: Sequence[Any] | None, n: int, ids: Sequence[str] | None = None
) -> list[Any]:
    """A column's values, one per video, or `HeadError` with the videos that have none.

    values: None, or an empty tuple, mapping or text, for a video without. ids: what the error
    calls the videos.
    """
    where = {"judges": "columns judge_1, judge_2, ...", "stages": "columns stage_<name>"}
    given = [None] * n if values is None else list(values)
    if len(given) != n:
        raise HeadError(f"{len(given)} values of {name} for {n} videos; give one per video")
    without = [
        i for i, v in enumerate(given) if v is None or (hasattr(v, "__len__") and not len(v))
    ]
    if without:
        raise HeadError(
            f"{len(without)} of {n} videos have no {name} ({listed_videos(without, ids)}): fill in "
            f"the manifest's {where.get(name, f'column {name}')}, leave them out with "
            "--skip-incomplete, or take another head"
        )
    return given

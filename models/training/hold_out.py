"""Which training videos are held out, to stop by or in turn; those of one group always together."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from aqa.annotations.group_drawing import each_by_itself, parts_of_groups, whole_groups
from aqa.errors import AqaWarning

Numbers = NDArray[np.intp]

# Of so many draws of groups, the one that holds all kinds of videos in their shares is taken.
_DRAWS = 50


def held_out_groups(
    groups: Numbers | None,
    size: int,
    seed: int,
    *,
    kinds: NDArray[Any] | None = None,
    usable: Callable[[Numbers], bool] | None = None,
) -> Numbers | None:
    """The numbers of about `size` videos to hold out, of whole groups, drawn by the seed.

    None where no two videos are of one group, so that each may be drawn by itself. None with an
    `AqaWarning` where groups are known and none can be held out. More than `size`, up to half of
    the videos, where no draw of that many is usable. groups: see `Examples.groups`.
    kinds: (n,) labels, such as types, of which the same share should be held out. usable: whether a
    head can be stopped by the videos of these numbers, and learn from the others.
    """
    if size < 1 or groups is None or each_by_itself(groups):
        return None
    draws: list[Numbers] = []
    if len(np.unique(groups)) > 1:
        rng = np.random.default_rng([seed, len(groups)])
        tries = 1 if kinds is None and usable is None else _DRAWS
        wanted = size
        while not draws and wanted <= max(size, len(groups) // 2):
            draws = [whole_groups(groups, wanted, rng) for _ in range(tries)]
            draws = [out for out in draws if usable is None or usable(out)]
            wanted *= 2  # beside small groups, large ones are only drawn where more is wanted
    if not draws:
        _warn("no whole groups of videos can be held out to stop by")
        return None
    return draws[0] if kinds is None else min(draws, key=lambda out: _unlike(out, kinds))


def folds(
    n: int, count: int, seed: int, groups: Numbers | None = None
) -> list[tuple[Numbers, Numbers]]:
    """(learned from, held out) of each of `count` folds of `n` videos, or of fewer, by number.

    groups: see `grouped_parts`; without them, scikit-learn's `KFold`.
    """
    parts = grouped_parts(groups, count, seed)
    if parts is None:
        return [*KFold(min(count, n), shuffle=True, random_state=seed).split(np.zeros(n))]
    return [(np.setdiff1d(np.arange(n), part), part) for part in parts]


def grouped_parts(groups: Numbers | None, count: int, seed: int) -> list[Numbers] | None:
    """The numbers of the videos of each of `count` parts of whole groups, drawn by the seed.

    As many parts as there are groups, at most. None where no two videos are of one group; None with
    an `AqaWarning` where all are of one. groups: see `Examples.groups`.
    """
    if groups is None or each_by_itself(groups):
        return None
    several = len(np.unique(groups))
    if several > 1:
        return [np.sort(part) for part in parts_of_groups(groups, min(count, several), seed)]
    _warn("no whole groups of videos can be held out in parts")
    return None


def _unlike(out: Numbers, kinds: NDArray[Any]) -> float:
    """How many of the held-out videos are of another kind than their shares of all videos say."""
    labels = np.unique(kinds, return_inverse=True)[1]
    every = np.bincount(labels)
    held = np.bincount(labels[out], minlength=len(every))
    return float(np.abs(held - every * (len(out) / len(labels))).sum())


def _warn(what: str) -> None:
    warnings.warn(
        f"{what}: videos of one athlete or performance are learned from and held out at once, so "
        "that what is chosen by the held-out ones is remembered in part; mark videos of others as "
        "val in the split",
        AqaWarning,
        stacklevel=3,
    )

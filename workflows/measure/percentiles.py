"""How a value compares with those of training videos of the same type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aqa.annotations.manifest import Video
from aqa.features.aspects.definition import Aspect
from aqa.features.aspects.measure import Measured

# Values that differ by less than a store's 32 bits tell apart are as much.
_DIGITS = 3
LEAST_OF_TYPE = 5  # training videos with a value; with fewer, those of all types are taken


@dataclass(frozen=True)
class Compared:
    """percentile: percent of the training videos with less, those with as much counted half.

    worse_than: percent of them that are better, the same way; None where neither way is worse.
    videos: how many there are. type: theirs, "" for all.
    """

    percentile: float
    worse_than: float | None
    videos: int
    type: str


def compare(
    aspect: Aspect,
    video: Video,
    value: float,
    training: Sequence[Video],
    measured: Mapping[str, Mapping[str, Measured]],
) -> Compared | None:
    """One video's value among those of training videos; None where these are fewer than two.

    The video itself is left out. measured: video -> aspect -> what it is.
    """
    known = [
        (other.type or "", found.value)
        for other in training
        if other.id != video.id
        and (found := measured.get(other.id, {}).get(aspect.name)) is not None
        and found.value is not None
    ]
    kind = video.type or ""
    same = [one for name, one in known if name == kind]
    of_type = bool(kind) and len(same) >= LEAST_OF_TYPE
    others = np.round(same if of_type else [one for _, one in known], _DIGITS)
    if len(others) < 2:
        return None
    value = round(value, _DIGITS)
    below = float(np.mean(others < value) + np.mean(others == value) / 2) * 100
    worse = {"more": below, "less": 100 - below}.get(aspect.worse)
    return Compared(below, worse, len(others), kind if of_type else "")

"""How a value compares with those of training videos of the same type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from aqa.annotations.manifest import Video
from aqa.features.aspects.definition import Aspect
from aqa.features.aspects.measure import Measured

# Values that differ by less than a store's 32 bits tell apart are as much.
_DIGITS = 3
LEAST_OF_TYPE = 5  # training videos with a value; with fewer, those of all types are taken
_LEAST_OF_MEDIAN = 3  # the same, where a median of the type is all that is needed
# The median distance of normally distributed values, as a standard deviation; and the least share
# of the true one that is believed, since in aspects that are mostly 0 it is next to nothing.
_NORMAL, _LEAST_SPREAD = 1.4826, 0.5


@dataclass(frozen=True)
class Compared:
    """percentile: percent of the training videos with less, those with as much counted half.

    worse_than: percent of them that are better, the same way; None where neither way is worse.
    videos: how many there are. type: theirs, "" for all. spreads: see `worse_by`. less, more: how
    many of them have less, and more. median: of theirs.
    """

    percentile: float
    worse_than: float | None
    videos: int
    type: str
    spreads: float | None
    less: int
    more: int
    median: float

    def standing(self, aspect: Aspect) -> str:
        """How many are better, in words; of an aspect of which neither is worse, have less."""
        word = "more" if aspect.worse == "neither" else "worse"
        return f"{word} than {self.more if aspect.worse == 'less' else self.less} of {self.videos}"


def compare(
    aspect: Aspect,
    video: Video,
    value: float,
    training: Sequence[Video],
    measured: Mapping[str, Mapping[str, Measured]],
) -> Compared | None:
    """One video's value among those of training videos; None where these are fewer than two.

    The video itself is left out, and so are doubtful values. measured: video -> aspect -> what it
    is.
    """
    known = [
        (other.type or "", found.value)
        for other in training
        if other.id != video.id
        and (found := measured.get(other.id, {}).get(aspect.name)) is not None
        and found.value is not None
        and not found.doubtful
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
    spreads = worse_by(aspect, kind, value, known)
    return Compared(
        below,
        worse,
        len(others),
        kind if of_type else "",
        spreads,
        int(np.sum(others < value)),
        int(np.sum(others > value)),
        float(np.median(others)),
    )


def worse_by(
    aspect: Aspect, kind: str, value: float, known: Sequence[tuple[str, float]]
) -> float | None:
    """How much worse a value is than the median of its type, in training videos' usual spread.

    A percentile tells how rare a value is, not how large: of dives of one type, one always has the
    most of something. The spread is that of all training videos about the medians of their types,
    by the median distance, so that faults of a few do not count. kind: the video's type. known:
    type and value of each training video. None where neither way is worse, or all are alike.
    """
    if aspect.worse == "neither":
        return None
    values = np.round([one for _, one in known], _DIGITS)
    of_types: dict[str, list[float]] = {}
    for (name, _), one in zip(known, values.tolist(), strict=True):
        of_types.setdefault(name, []).append(one)
    middle = float(np.median(values))  # of all, for types of few videos
    middles = {
        name: median(own) if len(own) >= _LEAST_OF_MEDIAN else middle
        for name, own in of_types.items()
    }
    away = values - [middles[name] for name, _ in known]
    spread = max(_NORMAL * float(np.median(np.abs(away))), _LEAST_SPREAD * float(away.std()))
    if spread <= 0:
        return None
    more = (round(value, _DIGITS) - middles.get(kind, middle)) / spread
    return more if aspect.worse == "more" else -more

"""What the clips of training videos add to their scores, to compare another video's clips with.

That a clip takes points off says little: in an easy dive every clip does. What says something is
that it adds less than the same part of other videos of the same type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import RunError

Points = NDArray[np.float64]

# A type of fewer training videos is compared with all of them.
LEAST_OF_TYPE = 5
# More parts than a video has clips say nothing, and many clips are told apart well enough by ten.
MOST_PARTS = 10
# What a clip is compared with. The mean would do less: where a fault is frequent it is low itself.
GOOD = 0.75
# The part of the training videos' clips, around the median, that a range holds.
MIDDLE = 0.8
# So many good videos, of those that a fit had not seen, should be left in peace.
QUIET = 0.85
# Why nothing is claimed, where nothing else is in the way.
TOO_FEW = "the training videos are too few to learn it from"
# What may be claimed of a clip is not chosen by fewer good videos.
LEAST_GOOD = 5


@dataclass(frozen=True)
class TypePoints:
    """What clips of the training videos of one type add, by the part of the video.

    videos: how many there are. mean: (parts,) points. good: (parts,) points that one clip in four
    reaches. low, high: (parts,) points between which the middle 80 % lie; None where the run was
    made before this was kept.
    """

    videos: int
    mean: tuple[float, ...]
    good: tuple[float, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Told:
    """How well faulty clips were told on videos that were held out.

    videos, precision, recall, f1: of them; see `aqa.evaluation.feedback_metrics`. f1_of_all: what
    calling every clip faulty gives. better: whether `f1` is above it, with 95 % confidence.
    """

    videos: int
    precision: float
    recall: float
    f1: float
    f1_of_all: float
    better: bool


@dataclass(frozen=True)
class Claims:
    """How far below `good` a clip must be before one says so, where all other clips are passed by.

    `ClipReference.margin` tells clips apart best; by it, some clip of most good videos is faulty.
    margin: points; None where these are too few, so that nothing is said outright. videos: how many
    good videos, which a fit had not seen, it is chosen by. why: what is in the way where margin is
    None, in words; "" where the videos are too few.
    """

    margin: float | None
    videos: int
    why: str = ""

    @property
    def missing(self) -> str:
        """Why nothing is said outright, in words; "" where something may be."""
        if self.margin is not None:
            return ""
        return self.why or TOO_FEW


@dataclass(frozen=True)
class TrainingLevels:
    """A video's clips beside the training videos'.

    mean, good: (n_clips,) points that those of the same part add. videos: how many they are of.
    type: their type; "" for all types. low, high: (n_clips,), see `TypePoints`.
    """

    mean: Points
    good: Points
    videos: int
    type: str
    low: Points | None = None
    high: Points | None = None


@dataclass(frozen=True)
class ClipReference:
    """The training videos' points, and below which of them a clip is faulty.

    types: type -> its points; "" holds all videos. margin: points below `good` from which on a clip
    is faulty; None where nobody says which training clips are. told: how well that tells them.
    untold: why `margin` is None; "" where it is not. claims: how far below a clip stands out; None
    where the run was made before this was learned.
    """

    types: Mapping[str, TypePoints]
    margin: float | None = None
    told: Told | None = None
    untold: str = ""
    claims: Claims | None = None

    @property
    def calls_faulty(self) -> bool:
        """Whether faulty clips are told better than by chance."""
        return self.margin is not None and self.told is not None and self.told.better

    def compare(self, n_clips: int, kind: str | None) -> TrainingLevels:
        """What to compare the clips of a video of this type with."""
        known = kind if kind and kind in self.types else ""
        points = self.types[known]
        parts = parts_of(n_clips, len(points.mean))
        mean, good = np.array(points.mean)[parts], np.array(points.good)[parts]
        low = None if points.low is None else np.array(points.low)[parts]
        high = None if points.high is None else np.array(points.high)[parts]
        return TrainingLevels(mean, good, points.videos, known, low, high)

    def to_dict(self) -> dict[str, Any]:
        """As a run's record holds it."""
        return asdict(self)

    @classmethod
    def of(cls, record: Any, where: object) -> ClipReference:
        """From a run's record. where: what the error calls it."""
        try:
            types = {str(name): _type_points(one) for name, one in record["types"].items()}
            if not types[""].mean:
                raise ValueError("parts without points")
            told = None if record["told"] is None else Told(**record["told"])
            margin = _number(record["margin"])
            found = record.get("claims")
            claims = None
            if found is not None:
                why = str(found.get("why", ""))
                claims = Claims(_number(found["margin"]), int(found["videos"]), why)
            return cls(types, margin, told, str(record["untold"]), claims)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError):
            raise RunError(
                f"{where}: what it records of its training videos' clips cannot be read; fit the "
                "head again"
            ) from None


def _type_points(record: Mapping[str, Any]) -> TypePoints:
    """`ValueError` where one level has fewer parts than another."""
    levels = (record["mean"], record["good"], record.get("low"), record.get("high"))
    mean, good, low, high = (None if one is None else _numbers(one) for one in levels)
    if mean is None or good is None or (low is None) != (high is None):
        raise ValueError("levels are missing")
    if len({len(one) for one in (mean, good, low, high) if one is not None}) != 1:
        raise ValueError("parts without points")
    return TypePoints(int(record["videos"]), mean, good, low, high)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def parts_of(n_clips: int, parts: int) -> NDArray[np.intp]:
    """The part of the video that each clip is in, (n_clips,): from the first to the last part.

    >>> parts_of(5, 3)
    array([0, 0, 1, 2, 2])
    """
    places = np.arange(n_clips) / max(n_clips - 1, 1) * (parts - 1)
    return np.round(places).astype(np.intp)


def summarise(values: Sequence[Points], types: Sequence[str]) -> dict[str, TypePoints]:
    """The points of each type with enough videos, and under "" those of all.

    values: what the clips of each training video add, (n_clips,) each; NaN for a clip of padding.
    """
    parts = min(int(np.median([len(one) for one in values])), MOST_PARTS)
    named = np.asarray(types, str)
    every = _points(values, parts, None)
    made = {"": every}
    for name in np.unique(named):
        rows = np.flatnonzero(named == name)
        if name and len(rows) >= LEAST_OF_TYPE:
            made[str(name)] = _points([values[i] for i in rows.tolist()], parts, every)
    return made


def _points(values: Sequence[Points], parts: int, otherwise: TypePoints | None) -> TypePoints:
    """otherwise: whose points a part without a clip takes."""
    place = np.concatenate([parts_of(len(one), parts) for one in values])
    added = np.concatenate(values)
    edges = (GOOD, (1 - MIDDLE) / 2, (1 + MIDDLE) / 2)
    levels: list[tuple[float, ...]] = []  # of each part: mean, good, low, high
    for part in range(parts):
        here = added[(place == part) & np.isfinite(added)]
        if len(here):
            levels.append((float(here.mean()), *np.quantile(here, edges).tolist()))
        else:
            levels.append((0.0,) * 4 if otherwise is None else _levels_of(otherwise, part))
    mean, good, low, high = zip(*levels, strict=True)
    return TypePoints(len(values), mean, good, low, high)


def _levels_of(points: TypePoints, part: int) -> tuple[float, ...]:
    assert points.low is not None
    assert points.high is not None
    return points.mean[part], points.good[part], points.low[part], points.high[part]


def best_margin(below: Points, faulty: NDArray[np.bool_]) -> float:
    """The margin by which faulty clips are told with the highest F1.

    below: (clips,) points that each is below `good`. Of equal ones, the largest; 0 or more.
    """
    order = np.argsort(-below, kind="stable")
    hits = np.cumsum(faulty[order])
    f1 = 2 * hits / (np.arange(1, len(below) + 1) + faulty.sum())
    return max(float(below[order][f1.argmax()]), 0.0)


def best_quarter(scores: Sequence[float], types: Sequence[str]) -> NDArray[np.bool_]:
    """Which videos score as high as the best quarter of their type, or of all if it has few.

    What is known of every data set: whether a good video has a fault, nobody need say.
    """
    every, named = np.asarray(scores, float), np.asarray(types, str)
    found = np.zeros(len(every), bool)
    for i, (score, name) in enumerate(zip(every, named, strict=True)):
        same = every[named == name] if name else every
        others = same if len(same) >= LEAST_OF_TYPE else every
        found[i] = np.mean(others <= score) >= GOOD
    return found


def claims_of(worst: Points) -> Claims:
    """How far below `good` a clip stands out.

    worst: (videos,) points by which the worst clip of each good video is below it. They are taken
    as normal: of so few, a quantile would be the chance of one or two videos.
    """
    if len(worst) < LEAST_GOOD:
        return Claims(None, len(worst))
    margin = float(worst.mean() + NormalDist().inv_cdf(QUIET) * worst.std(ddof=1))
    return Claims(max(margin, 0.0), len(worst))

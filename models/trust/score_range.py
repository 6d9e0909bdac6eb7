"""Between which scores a video's true one probably lies: conformal ranges of any head.

A range is as wide as the errors that the head made on training videos that a fit had not seen,
taken from folds as in cross-conformal prediction (vovk2015): of n errors, the one of rank
ceil(0.8 (n + 1)) is half the width of the range of 80 %. Where a head says itself between which
scores a video's true one lies, the error is how far the true score lies outside of these bounds,
less than 0 inside, and the bounds are moved apart by the one of that rank (romano2019), so that
ranges stay narrower where it is surer; unless that makes them wider on the same videos than equal
ones, which says that its sureness tells nothing of its errors. The head that is kept has learned
from all of these videos, so its errors are rather smaller; `aqa eval` says how often the range
holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.errors import RunError

if TYPE_CHECKING:
    from aqa.models.examples import Examples

Floats = NDArray[np.float64]
Widths = Mapping[int, float]

LEVELS = (50, 80, 95)
# What is said of a single score.
SHOWN = 80
# A range of 95 % takes so many errors at the least.
LEAST_ERRORS = 19
# The probabilities of a score's quantiles: the bounds of the levels, and the median.
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
_MEDIAN = QUANTILES.index(0.5)


def _bounds(level: int) -> tuple[int, int]:
    """The places of a level's bounds in `QUANTILES`."""
    low = QUANTILES.index((100 - level) / 200)
    return low, len(QUANTILES) - 1 - low


@dataclass(frozen=True)
class ScoreRange:
    """How far scores lie from a head's predictions.

    half_widths: level in percent -> points to either side. videos: how many errors that is chosen
    by. source: of which videos, in words. margins: of a head that gives quantiles, level -> points
    by which the bounds that it says itself are moved apart to either side; None where ranges are
    all as wide: of other heads, of one whose sureness does not help, and in runs of before.
    """

    half_widths: Widths
    videos: int
    source: str
    margins: Widths | None = None

    def quantiles(self, predicted: ArrayLike, own: ArrayLike | None = None) -> Floats:
        """The bounds of the levels, as quantiles of each predicted score: (n, 7) points.

        own: (n, 7), what the head says itself, at `QUANTILES`; taken where there are `margins`,
        with the predicted score as the middle, and no range narrower than one of a lower level.
        """
        scores = np.asarray(predicted, float)
        made = np.repeat(scores[:, None], len(QUANTILES), axis=1)
        for level in LEVELS:
            low, high = _bounds(level)
            if self.margins is None or own is None:
                made[:, low] -= self.half_widths[level]
                made[:, high] += self.half_widths[level]
            else:
                said, margin = np.asarray(own, float), self.margins[level]
                made[:, low] = np.minimum(said[:, low] - margin, made[:, low + 1])
                made[:, high] = np.maximum(said[:, high] + margin, made[:, high - 1])
        return made

    def of_videos(self, head: Any, examples: Examples, predicted: ArrayLike) -> Floats:
        """As `quantiles`, of videos that the head has predicted."""
        # The head of a user's file may have said its bounds once, and say them no longer.
        says = self.margins is not None and "quantiles" in head.gives
        return self.quantiles(predicted, head.quantiles(examples, QUANTILES) if says else None)

    def to_dict(self) -> dict[str, Any]:
        """As a run's record holds it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of(cls, record: Any, where: object) -> ScoreRange:
        """From a run's record. where: what the error calls it."""
        try:
            margins = record.get("margins")
            return cls(
                _widths(record["half_widths"]),
                int(record["videos"]),
                str(record["source"]),
                None if margins is None else _widths(margins),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RunError(
                f"{where}: the range of its scores that it records cannot be read; fit the head "
                "again"
            ) from None


def shown_bounds(quantiles: Floats) -> Floats:
    """The bounds of the level that is said of a single score: (n, 7) -> (n, 2)."""
    return quantiles[:, [*_bounds(SHOWN)]]


def range_of(
    true: ArrayLike, predicted: ArrayLike, source: str, own: ArrayLike | None = None
) -> ScoreRange | None:
    """The ranges that errors on videos make, which the head had not seen; None for too few.

    true, predicted: (n,) points. own: (n, 7), the head's quantiles at `QUANTILES`, where it gives
    them.
    """
    errors = np.abs(np.asarray(true, float) - np.asarray(predicted, float))
    if len(errors) < LEAST_ERRORS:
        return None
    equal = ScoreRange(_of_rank(dict.fromkeys(LEVELS, errors)), len(errors), source)
    if own is None:
        return equal
    moved = replace(equal, margins=_of_rank(outside_of(true, own)))
    return min((equal, moved), key=lambda way: float(_width(way.quantiles(predicted, own)).mean()))


def _width(quantiles: Floats) -> Floats:
    """Of the range that is said of each score: (n, 7) -> (n,) points."""
    low, high = shown_bounds(quantiles).T
    return high - low


def outside_of(true: ArrayLike, own: ArrayLike) -> dict[int, Floats]:
    """Level -> how far each true score lies outside the head's own bounds; less than 0 inside.

    true: (n,) points. own: (n, 7), the head's quantiles at `QUANTILES`.
    """
    scores, said = np.asarray(true, float), np.asarray(own, float)
    places = {level: _bounds(level) for level in LEVELS}
    return {
        level: np.maximum(said[:, low] - scores, scores - said[:, high])
        for level, (low, high) in places.items()
    }


def _of_rank(sizes: Mapping[int, Floats]) -> dict[int, float]:
    """Of each level's n errors, the one of rank ceil(level (n + 1))."""
    found = {}
    for level in LEVELS:
        values = np.sort(sizes[level])
        found[level] = float(values[math.ceil((len(values) + 1) * level / 100) - 1])
    return found


def _widths(record: Any) -> dict[int, float]:
    widths = {int(level): float(points) for level, points in record.items()}
    if not set(LEVELS) <= widths.keys() or not all(map(math.isfinite, widths.values())):
        raise ValueError("levels")
    return widths

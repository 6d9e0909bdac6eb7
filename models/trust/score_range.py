"""Between which scores a video's true one probably lies: conformal ranges of any head.

A range is as wide as the errors that the head made on training videos that a fit had not seen,
taken from folds as in cross-conformal prediction (Vovk 2015): of n errors, the one of rank
ceil(0.8 (n + 1)) is half the width of the range of 80 %. The head that is kept has learned from
all of these videos, so its errors are rather smaller; `aqa eval` says how often the range holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.errors import RunError

Floats = NDArray[np.float64]

LEVELS = (50, 80, 95)
# What is said of a single score.
SHOWN = 80
# A range of 95 % takes so many errors at the least.
LEAST_ERRORS = 19


@dataclass(frozen=True)
class ScoreRange:
    """How far scores lie from a head's predictions.

    half_widths: level in percent -> points to either side. videos: how many errors that is chosen
    by. source: of which videos, in words.
    """

    half_widths: Mapping[int, float]
    videos: int
    source: str

    def around(self, score: float, level: int = SHOWN) -> tuple[float, float]:
        """The lowest and the highest score of the range of a level."""
        return score - self.half_widths[level], score + self.half_widths[level]

    def quantiles(self, predicted: ArrayLike, at: Sequence[float]) -> Floats:
        """The bounds of the levels, as quantiles of each predicted score: (n, len(at)) points.

        at: probabilities, 0.5 or the bounds of a central range of one of the levels.
        """
        offsets = [
            math.copysign(self.half_widths.get(round(200 * abs(q - 0.5)), 0.0), q - 0.5) for q in at
        ]
        return np.asarray(predicted, float)[:, None] + np.array(offsets)

    def to_dict(self) -> dict[str, Any]:
        """As a run's record holds it."""
        return asdict(self)

    @classmethod
    def of(cls, record: Any, where: object) -> ScoreRange:
        """From a run's record. where: what the error calls it."""
        try:
            widths = {int(k): float(v) for k, v in record["half_widths"].items()}
            if not set(LEVELS) <= widths.keys() or not all(map(math.isfinite, widths.values())):
                raise ValueError("levels")
            return cls(widths, int(record["videos"]), str(record["source"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RunError(
                f"{where}: the range of its scores that it records cannot be read; fit the head "
                "again"
            ) from None


def range_of(errors: ArrayLike, source: str) -> ScoreRange | None:
    """The ranges that errors in points make; None where they are too few.

    errors: of videos that the head had not seen.
    """
    sizes = np.sort(np.abs(np.asarray(errors, float)))
    n = len(sizes)
    if n < LEAST_ERRORS:
        return None
    places = {level: math.ceil((n + 1) * level / 100) for level in LEVELS}
    return ScoreRange({level: float(sizes[k - 1]) for level, k in places.items()}, n, source)

"""The bootstrap over videos: how often each is drawn, and intervals from what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aqa.metrics import Values

LEVEL = 0.95
RESAMPLES = 2000
Interval = list[float]


@dataclass(frozen=True)
class MetricValues:
    """Metrics of n videos (or pairs), each with its interval over resamples.

    values, intervals: name -> value and [low, high]; None where undefined. counts: what else was
    counted, such as similar pairs.
    """

    n: int
    values: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    counts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, n: int, samples: Mapping[str, ArrayLike], level: float = LEVEL, **counts: Any
    ) -> MetricValues:
        """From each metric's values on the whole sample, which stands first, and on resamples."""
        arrays = {name: np.asarray(values, float) for name, values in samples.items()}
        return cls(
            n,
            {name: _number(values[0]) for name, values in arrays.items()},
            {name: interval(values[1:], level) for name, values in arrays.items()},
            counts,
        )

    def without_intervals(self) -> MetricValues:
        """The same values; their intervals are not known."""
        return MetricValues(self.n, self.values, dict.fromkeys(self.intervals), self.counts)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: `n`, the counts, and for each metric `name` and `name_interval`."""
        return {"n": self.n, **self.counts, **valued(self.values, self.intervals, "interval")}


def valued(
    values: Mapping[str, float | None], beside: Mapping[str, Any], suffix: str
) -> dict[str, Any]:
    """Name -> value, and `name_suffix` -> what stands beside it."""
    return {
        key: value
        for name in values
        for key, value in ((name, values[name]), (f"{name}_{suffix}", beside[name]))
    }


def interval(samples: Values, level: float = LEVEL) -> Interval | None:
    """The middle `level` of the resamples in which a value is defined; None where none is."""
    samples = samples[np.isfinite(samples)]
    if not len(samples):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return [float(low), float(high)]


def resample_counts(n: int, resamples: int = RESAMPLES, seed: int = 0) -> Values:
    """How often each of n videos is drawn in each resample, (resamples, n)."""
    if not n:
        return np.zeros((resamples, 0))
    draws = np.random.default_rng(seed).integers(n, size=(resamples, n))
    cells = draws + n * np.arange(resamples)[:, None]
    counts = np.bincount(cells.ravel(), minlength=n * resamples)
    return counts.reshape(resamples, n).astype(float)


def whole_first(counts: Values) -> Values:
    """The whole sample, every video once, above its resamples: (1 + resamples, n)."""
    return np.vstack([np.ones((1, counts.shape[1])), counts])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

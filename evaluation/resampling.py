"""The bootstrap over videos: how often each is drawn, and intervals from what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from aqa.metrics import Values

LEVEL = 0.95
RESAMPLES = 2000
# So many counts are in memory at once, 32 MB: two thousand resamples of as many videos.
_CELLS = 4_000_000
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


def resampled(
    n: int,
    measure: Callable[[Values], Mapping[str, Values]],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Values]:
    """What `measure` gives of the whole sample, first, and of its resamples: (1 + resamples,) each.

    measure: counts (some resamples, n), how often each of n videos counts, to values (some
    resamples,) by name. Resamples are drawn and measured some at a time, so that memory does not
    grow with videos times resamples. resamples: 0 measures the whole sample alone.
    """
    whole = np.ones((1, n))
    parts = []
    for counts in resample_counts(n, resamples, seed):
        parts.append(measure(np.vstack([whole, counts])))
        whole = whole[:0]
    parts = parts or [measure(whole)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def resample_counts(n: int, resamples: int = RESAMPLES, seed: int = 0) -> Iterator[Values]:
    """How often each of n videos is drawn in each resample, (some resamples, n) at a time.

    The draws do not depend on how many are given at a time.
    """
    rng = np.random.default_rng(seed)
    for rows in in_steps(resamples, n):
        if n:
            draws = rng.integers(n, size=(rows, n))
            draws += n * np.arange(rows)[:, None]
            counts = np.bincount(draws.ravel(), minlength=n * rows)
            yield counts.reshape(rows, n).astype(float)
        else:
            yield np.zeros((rows, 0))


def in_steps(rows: int, columns: int) -> Iterator[int]:
    """The heights of the steps in which a table of so many cells is gone through."""
    step = max(_CELLS // max(columns, 1), 1)
    for start in range(0, rows, step):
        yield min(step, rows - start)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

"""What a comparison of heads says; `aqa.evaluation.compare` makes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from aqa.evaluation.resampling import Interval
from aqa.evaluation.result import Marks, flat


@dataclass(frozen=True)
class ComparedPair:
    """Of the heads a and b: a less b, in the units of the metric.

    p_videos: of the permutation test; p_holm: the same, adjusted for all pairs. p_splits: of the
    corrected t test, None for one split. p_seeds: of a paired t test over seeds, None without
    several. better: the better head, where p_holm shows one.
    """

    a: str
    b: str
    difference: float
    interval: Interval | None
    p_videos: float
    p_holm: float
    p_splits: float | None
    better: str | None
    p_seeds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: without a p over seeds where there are not several."""
        return {k: v for k, v in asdict(self).items() if (k, v) != ("p_seeds", None)}

    def to_row(self) -> dict[str, Any]:
        """As CSV has it: the interval in two columns."""
        return flat(self.to_dict())


@dataclass(frozen=True)
class ComparedHead:
    """A head's mean over splits, its interval, and what must be said of it."""

    value: float
    interval: Interval | None
    marks: Marks

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        return {"value": self.value, "interval": self.interval, **self.marks.to_dict()}


@dataclass(frozen=True)
class Comparison:
    """Heads by name, the best first; and every two of them.

    metric, kind: what is compared, of scores or of classes. splits: of one family. left_out: the
    splits that are not compared, each with the heads that were not evaluated on it. absent: heads
    that were evaluated on none of the family's splits. videos: how many are tested, each counted
    once. target: what the heads predict; None: the score. seeds: those that each value is a mean
    over; none where no head has several. against: the one head that all others are compared with;
    None: every two are.
    """

    metric: str
    kind: str
    family: str
    splits: list[str]
    left_out: dict[str, list[str]]
    absent: list[str]
    videos: int
    heads: dict[str, ComparedHead]
    pairs: list[ComparedPair]
    target: str | None = None
    seeds: tuple[int, ...] = ()
    against: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        record = {
            **asdict(self),
            "heads": {name: head.to_dict() for name, head in self.heads.items()},
            "pairs": [pair.to_dict() for pair in self.pairs],
        }
        absent = [("target", None), ("seeds", ()), ("against", None)]
        return {name: value for name, value in record.items() if (name, value) not in absent}

"""Results as values: of one split, pooled over splits, and means over a family of splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from aqa.evaluation.resampling import Interval, MetricValues, valued


@dataclass(frozen=True)
class Marks:
    """What a result must say: what the head was told beside pixels, and what leaked.

    difficulty: how it is told the video's difficulty, `multiply` or `input`. told: the other
    columns. leak: who has learned from how many test videos. baseline: the columns that a
    prediction without pixels saw; alpha: the penalty of its ridge regression. made_up: what the
    features are made up of, where they are of no video.
    """

    difficulty: str | None = None
    told: str | None = None
    leak: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    alpha: float | None = None
    made_up: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Those that there are, as JSON has them."""
        marks = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: list(mark) if isinstance(mark, tuple) else mark
            for name, mark in marks.items()
            if mark not in (None, ())
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Marks:
        """Those in a mapping that holds other things too, such as metrics.json."""
        known: dict[str, Any] = {
            one.name: record[one.name] for one in fields(cls) if one.name in record
        }
        for name in ("leak", "baseline"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    @classmethod
    def joined(cls, marks: Sequence[Marks], over: str = "splits") -> Marks:
        """What must be said of several runs of a head together. over: what they differ in."""
        leaky = sum(bool(one.leak) for one in marks)
        return cls(
            difficulty=_joined(one.difficulty for one in marks),
            told=_joined(one.told for one in marks),
            made_up=_joined(one.made_up for one in marks),
            leak=(f"{leaky} of {len(marks)} {over}",) if leaky else (),
        )


def _joined(marks: Iterable[str | None]) -> str | None:
    return "/".join(sorted({mark for mark in marks if mark})) or None


@dataclass(frozen=True)
class Result:
    """What a head is worth on the test videos of a split.

    kind: of its answers, see `aqa.evaluation.metric.KINDS`. head: what its runs are called. target:
    what is predicted, or the average over several targets; None: the score. n: how many videos (or
    pairs). values, intervals, counts: see `MetricValues`. part: the part of the
    answers, such as a stage, or the part of the pairs. by, group: the column of the manifest that
    the videos were grouped by, and the group or the average over groups. pooled: of how many
    splits the test videos are, whose common name `split` then is.
    """

    kind: str
    head: str
    split: str
    n: int
    values: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    part: str | None = None
    by: str | None = None
    group: str | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)
    marks: Marks = field(default_factory=Marks)
    pooled: int | None = None
    target: str | None = None

    @classmethod
    def of(cls, metrics: MetricValues, kind: str, head: str, split: str, **more: Any) -> Result:
        """A measurement with its names."""
        return cls(
            kind,
            head,
            split,
            metrics.n,
            metrics.values,
            metrics.intervals,
            counts=metrics.counts,
            **more,
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: one level deep, without what there is not."""
        named = ("kind", "head", "target", "split", "pooled", "part", "by", "group")
        return {
            **{name: getattr(self, name) for name in named if getattr(self, name) is not None},
            "n": self.n,
            **self.counts,
            **valued(self.values, self.intervals, "interval"),
            **self.marks.to_dict(),
        }

    def to_row(self) -> dict[str, Any]:
        """As CSV has it: an interval in two columns, a list in one."""
        return flat(self.to_dict())


@dataclass(frozen=True)
class MeanResult:
    """The plain means over the splits of a family, and the standard deviations over them.

    splits: how many there are. values, stds: name -> value; None where one of the splits has none.
    fewest: how many videos (or pairs) the smallest of the splits tests. The other fields: see
    `Result`.
    """

    kind: str
    head: str
    family: str
    splits: int
    values: Mapping[str, float | None]
    stds: Mapping[str, float | None]
    part: str | None = None
    by: str | None = None
    group: str | None = None
    marks: Marks = field(default_factory=Marks)
    target: str | None = None
    fewest: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: one level deep, without what there is not."""
        named = ("kind", "head", "target", "family", "splits", "fewest", "part", "by", "group")
        return {
            **{name: getattr(self, name) for name in named if getattr(self, name) is not None},
            **valued(self.values, self.stds, "std"),
            **self.marks.to_dict(),
        }

    def to_row(self) -> dict[str, Any]:
        """As CSV has it: a list in one column."""
        return flat(self.to_dict())


@dataclass(frozen=True)
class SeedMeans:
    """A head of several seeds over the splits of a family: its means, and where they spread.

    values: of each metric, the mean over seeds and splits. over_seeds: the standard deviation over
    seeds of the means over splits; over_splits: over splits of the means over seeds; together: over
    all runs. None where one run has no value, or where there is one split. The other fields: see
    `MeanResult`.
    """

    kind: str
    head: str
    family: str
    seeds: Sequence[int]
    splits: Sequence[str]
    values: Mapping[str, float | None]
    over_seeds: Mapping[str, float | None]
    over_splits: Mapping[str, float | None]
    together: Mapping[str, float | None]
    part: str | None = None
    by: str | None = None
    group: str | None = None
    target: str | None = None
    marks: Marks = field(default_factory=Marks)
    fewest: int | None = None

    def rows(self) -> list[dict[str, Any]]:
        """A row per metric, as JSON and CSV have it."""
        named = ("kind", "head", "target", "family", "part", "by", "group")
        shared = {name: getattr(self, name) for name in named if getattr(self, name) is not None}
        return [
            {
                **shared,
                "seeds": len(self.seeds),
                "splits": len(self.splits),
                "metric": name,
                "mean": self.values[name],
                "std_over_seeds": self.over_seeds[name],
                "std_over_splits": self.over_splits[name],
                "std_together": self.together[name],
                **self.marks.to_dict(),
            }
            for name in self.values
        ]


AnyResult = Result | MeanResult | SeedMeans


@dataclass(frozen=True)
class Evaluation:
    """Results of heads on their test videos, and why other runs could not be evaluated.

    results: of each run, in the order of the runs, baselines last. pooled: of all test videos of
    a family of splits at once. means: over the splits of a family. over_seeds: over the seeds of
    a head and the splits of a family.
    """

    results: Sequence[Result]
    pooled: Sequence[Result] = ()
    means: Sequence[MeanResult] = ()
    failed: Sequence[str] = ()
    over_seeds: Sequence[SeedMeans] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        return {
            "results": [one.to_dict() for one in self.results],
            "pooled": [one.to_dict() for one in self.pooled],
            "means": [one.to_dict() for one in self.means],
            **({"over_seeds": self.seed_rows()} if self.over_seeds else {}),
            "failed": list(self.failed),
        }

    def seed_rows(self) -> list[dict[str, Any]]:
        """The means over seeds, a row per head and metric."""
        return [row for one in self.over_seeds for row in one.rows()]

    def rows(self) -> list[dict[str, Any]]:
        """The results as rows of plain values, as `pandas.DataFrame` takes them."""
        return [one.to_row() for one in self.results]


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """One level, without lists: an interval in two columns, a list in one."""
    row: dict[str, Any] = {}
    for column, cell in record.items():
        if column.endswith("interval"):
            row[f"{column}_low"], row[f"{column}_high"] = cell or (None, None)
        else:
            row[column] = "; ".join(map(str, cell)) if isinstance(cell, list) else cell
    return row

"""The numbers of a table for a paper: heads by metrics, spreads, and which value is the best.

A best value is marked only where the paired permutation test over videos, adjusted for all pairs of
the table's heads (holm1979), tells the head from every other, see `aqa.evaluation.compare`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aqa.errors import AqaWarning, RunError, UnknownNameError, listed
from aqa.evaluation.compare import compare, measure_alone
from aqa.evaluation.comparison import Comparison
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import Metric, metric_of, metrics_of
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import Interval
from aqa.evaluation.result import Marks
from aqa.evaluation.score_metrics import FEWEST_RANKED
from aqa.evaluation.seeds import joined_seeds, plain_split
from aqa.models.run_source import file_option
from aqa.split_names import split_family
from aqa.target_names import label_and_seed, label_and_target, without_seed
from aqa.workspace import BASELINE

Spread = Literal["splits", "seeds", "all", "interval", "none"]
# Folder of a run -> what `aqa eval` has measured of it, metric by metric.
Measured = dict[Path, Mapping[str, Any]]


@dataclass(frozen=True)
class StudyCell:
    """A metric of a head: its mean, how far it spreads, and whether it is shown to be the best.

    spread: a standard deviation, or the ends of a 95 % interval; None where there is none.
    """

    value: float | None
    spread: float | Interval | None = None
    best: bool = False


@dataclass(frozen=True)
class StudyRow:
    """A head and its cells, one per metric. blind: whether it predicts without pixels."""

    head: str
    blind: bool
    marks: Marks
    cells: Sequence[StudyCell]


@dataclass(frozen=True)
class StudyTable:
    """Heads that predict the same target, on the splits that all were evaluated on.

    spread: what stands behind a value, see `study_tables`. left_out: splits that not every head was
    evaluated on. videos: how many are tested, each counted once; training: on how many, on average,
    a head was fitted. tested: the metrics that a paired test compares. too_few: the correlations
    that are not shown, since a split tests fewer than `FEWEST_RANKED` videos.
    """

    target: str
    kind: str
    family: str
    splits: Sequence[str]
    seeds: Sequence[int]
    videos: int
    training: float
    metrics: Sequence[Metric]
    tested: Sequence[str]
    spread: Spread
    rows: Sequence[StudyRow]
    left_out: Sequence[str] = ()
    too_few: Sequence[str] = ()


def study_tables(
    heads: Sequence[HeadResults],
    metrics: Sequence[str] = (),
    spread: Spread | None = None,
    *,
    strict: bool = False,
) -> list[StudyTable]:
    """A table for each target, kind of answers and family of splits.

    metrics: by name, none: those that tables show. spread: what stands behind a value: the standard
    deviation over splits (of the means over seeds), over seeds (of the means over splits) or of all
    runs, the 95 % bootstrap interval over videos, or nothing; None: over splits where there are
    several, else over seeds, else the interval. strict: a head that was not evaluated is an error,
    rather than left out with a warning.
    """
    _tell_left_out(heads, strict)
    groups: dict[tuple[str, str, str], dict[str, dict[str, Predictions]]] = {}
    measured: Measured = {}
    for head in heads:
        for split, one in head.predictions.items():
            measured[one.folder] = head.measured[split]
            group = groups.setdefault((head.target, one.kind, split_family(split)), {})
            group.setdefault(head.name, {})[split] = one
    if not groups:
        names = ", ".join(head.name for head in heads)
        raise RunError(f"no scores, classes or ranks of {names}; run `aqa eval` first")
    return [_table(key, group, measured, metrics, spread) for key, group in groups.items()]


def _marks(predictions: Iterable[Predictions], over: str) -> Marks:
    """What must be said of all of them; of a baseline also each column that it saw on any split."""
    marks = [one.marks for one in predictions]
    columns = tuple(dict.fromkeys(name for one in marks for name in one.baseline))
    return replace(Marks.joined(marks, over), baseline=columns)


def _tell_left_out(heads: Sequence[HeadResults], strict: bool) -> None:
    """Warn of heads that no table can show; the seeds of one in one line."""
    lacking: dict[str, list[str]] = {}
    for head in heads:
        if head.not_evaluated and not head.measured:
            file = file_option(head.folders[head.not_evaluated[0]])
            option = file or f"--head {without_seed(head.name)[0]}"
            lacking.setdefault(option, []).append(head.name)
    for option, names in lacking.items():
        line = f"{listed(names)}: not evaluated yet; run `aqa eval {option}` first"
        if strict:
            raise RunError(line)
        warnings.warn(f"left out: {line}", AqaWarning, stacklevel=3)
    others = [head.name for head in heads if head.measured and not head.predictions]
    if others:
        line = f"left out: {listed(others)}, which predict pairs or stages, and no scores"
        warnings.warn(line, AqaWarning, stacklevel=3)


def _table(
    key: tuple[str, str, str],
    group: Mapping[str, Mapping[str, Predictions]],
    measured: Measured,
    names: Sequence[str],
    spread: Spread | None,
) -> StudyTable:
    target, kind, family = key
    joined, seeds = joined_seeds(group, alone=True)
    shared = [
        unit for unit in next(iter(joined.values())) if all(unit in own for own in joined.values())
    ]
    if not shared:
        raise RunError(
            f"no split that all of {', '.join(joined)} were evaluated on; leave some out"
        )
    left_out = {plain_split(u) for own in joined.values() for u in own if u not in shared}
    answers = {name: {unit: own[unit] for unit in shared} for name, own in joined.items()}
    splits = list(dict.fromkeys(map(plain_split, shared)))
    found = spread or ("splits" if len(splits) > 1 else "seeds" if len(seeds) > 1 else "interval")
    over = "splits and seeds" if seeds else "splits"
    chosen = _metrics(kind, names)
    fewest = min(len(one.ids) for own in answers.values() for one in own.values())
    few = [metric.name for metric in chosen if metric.correlation and fewest < FEWEST_RANKED]
    columns = [
        dict.fromkeys(answers, StudyCell(None))
        if metric.name in few
        else _column(answers, measured, metric, found)
        for metric in chosen
    ]
    return StudyTable(
        *(target, kind, family, splits, seeds),
        videos=len({i for own in answers.values() for one in own.values() for i in one.ids}),
        training=float(np.mean([one.n_train for own in answers.values() for one in own.values()])),
        metrics=chosen,
        tested=[m.name for m in chosen if m.compared and len(answers) > 1 and m.name not in few],
        spread=found,
        rows=[
            StudyRow(
                label_and_target(name)[0],
                name.startswith(BASELINE),
                _marks(own.values(), over),
                [column[name] for column in columns],
            )
            for name, own in answers.items()
        ],
        left_out=sorted(left_out),
        too_few=few,
    )


def _metrics(kind: str, names: Sequence[str]) -> list[Metric]:
    known = metrics_of(kind)
    if not names:
        return [metric for metric in known if metric.shown]
    for name in names:
        if name not in (metric.name for metric in known):
            raise UnknownNameError(f"metric of {kind}", name, [metric.name for metric in known])
    return [metric_of(name, kind) for name in names]


def _column(
    answers: Mapping[str, Mapping[str, Predictions]],
    measured: Measured,
    metric: Metric,
    spread: Spread,
) -> dict[str, StudyCell]:
    """Each head's cell of one metric."""
    values = {name: _values(own, measured, metric.name) for name, own in answers.items()}
    compared = _compared(answers, metric, values)
    best = _best(compared, list(answers))
    cells = {}
    for name, own in answers.items():
        known = [value for value in values[name].values() if value is not None]
        if len(known) < len(own):
            cells[name] = StudyCell(None)
            continue
        shown: float | Interval | None = _deviation(_of_runs(values[name], own), spread)
        if spread == "interval":
            shown = _interval(name, own, metric, compared)
        cells[name] = StudyCell(float(np.mean(known)), shown, name == best)
    return cells


def _values(
    own: Mapping[str, Predictions], measured: Measured, metric: str
) -> dict[str, float | None]:
    """What `aqa eval` has measured, by split and seed."""
    return {unit: measured[one.folder].get(metric) for unit, one in own.items()}


def _of_runs(
    values: Mapping[str, float | None], own: Mapping[str, Predictions]
) -> dict[str, float | None]:
    """The values of each run once: one that answers alike for several seeds has no spread there."""
    first: dict[Path, str] = {}
    for unit, one in own.items():
        first.setdefault(one.folder, unit)
    return {unit: values[unit] for unit in first.values()}


def _compared(
    answers: Mapping[str, Mapping[str, Predictions]],
    metric: Metric,
    values: Mapping[str, Mapping[str, float | None]],
) -> Comparison | None:
    """The paired tests of the heads that have a value everywhere; None where there are none."""
    whole = {n: own for n, own in answers.items() if all(v is not None for v in values[n].values())}
    return compare(whole, metric.name) if metric.compared and len(whole) > 1 else None


def _best(compared: Comparison | None, names: Sequence[str]) -> str | None:
    """The head that is told from all others; None where none is, or some have no value."""
    if compared is None or len(compared.heads) < len(names):
        return None
    first = next(iter(compared.heads))
    pairs = [pair for pair in compared.pairs if first in (pair.a, pair.b)]
    return first if all(pair.better == first for pair in pairs) else None


def _interval(
    name: str, own: Mapping[str, Predictions], metric: Metric, compared: Comparison | None
) -> Interval | None:
    if not metric.compared:
        return None
    if compared is not None:
        return compared.heads[name].interval
    return measure_alone(own, metric.name).interval


def _deviation(values: Mapping[str, float | None], spread: Spread) -> float | None:
    """The sample standard deviation that is asked for; None of one value."""
    groups: dict[str | int | None, list[float]] = {}
    for unit, value in values.items():
        assert value is not None
        split, seed = label_and_seed(unit)
        of: dict[str, str | int | None] = {"splits": split, "seeds": seed, "all": unit}
        groups.setdefault(of.get(spread), []).append(value)
    means = [float(np.mean(each)) for each in groups.values()]
    return float(np.std(means, ddof=1)) if len(means) > 1 else None

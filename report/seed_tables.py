"""Heads of several seeds as tables: their means, and how far they spread over seeds and splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from aqa.evaluation.metric import metrics_of
from aqa.evaluation.result import Evaluation, SeedMeans
from aqa.number_text import fixed
from aqa.report.result_table import TOO_FEW, ResultTable, head_title, too_few
from aqa.report.values import UNDEFINED
from aqa.split_names import NUMBERED, split_family
from aqa.target_names import label_and_seed

_HEADER = ("head", "target", "of", "metric", "mean", "seeds", "splits", "all")


def seed_tables(kind: str, means: Sequence[SeedMeans]) -> Iterator[ResultTable]:
    """A table for each family of splits and number of seeds, a line per head and metric."""
    groups: dict[tuple[str, int, int], list[SeedMeans]] = {}
    for one in means:
        if one.kind == kind:
            groups.setdefault((one.family, len(one.splits), len(one.seeds)), []).append(one)
    for (family, splits, seeds), rows in groups.items():
        yield _table(kind, family, splits, seeds, rows)


def _table(
    kind: str, family: str, splits: int, seeds: int, rows: Sequence[SeedMeans]
) -> ResultTable:
    of = "" if family == NUMBERED else f" of {family}"
    over = f"{splits} splits{of}" if splits > 1 else f"split {rows[0].splits[0]}"
    title = f"mean of {seeds} seeds and {over}, and the standard deviations"
    if splits > 1:
        title += " over seeds (of means over splits), over splits (of means over seeds), and of all"
    lines = [line for one in rows for line in _lines(one)]
    keys = [i for i in range(3) if any(line[i] for line in lines)]
    shown = [*keys, 3, 4, *((5, 6, 7) if splits > 1 else (5,))]
    cells = [[line[i] for i in shown] for line in lines]

    def drawn(baselines: bool, below: bool) -> list[list[str]]:
        return [] if baselines else cells

    return ResultTable(title, kind, [_HEADER[i] for i in shown], len(keys) + 1, drawn)


def _lines(one: SeedMeans) -> Iterator[list[str]]:
    """A line per metric that tables show."""
    of = one.part or one.group or ""
    for metric in metrics_of(one.kind):
        if metric.shown and metric.name in one.values:
            digits = metric.digits_for([one.values[metric.name]])
            spreads = (one.over_seeds, one.over_splits, one.together)
            shown = [
                _number(one.values[metric.name], digits),
                *("+- " + _number(of_all[metric.name], digits) for of_all in spreads),
            ]
            if metric.correlation and too_few(one):
                shown = [TOO_FEW, *("" for _ in spreads)]
            head = head_title(one.head, one.marks.difficulty)
            yield [head, one.target or "", of, metric.title or metric.name, *shown]


def _number(value: float | None, digits: int) -> str:
    return UNDEFINED if value is None else fixed(value, digits)


def without_single_seeds(evaluation: Evaluation) -> Evaluation:
    """The same without the results of single seeds that a mean over seeds covers."""
    covered = {
        (one.kind, one.head, one.target, one.family, split)
        for one in evaluation.over_seeds
        for split in one.splits
    }

    def shown(kind: str, head: str, target: str | None, split: str) -> bool:
        base, seed = label_and_seed(head)
        return seed is None or (kind, base, target, split_family(split), split) not in covered

    families = {key[:4] for key in covered}

    def mean_shown(kind: str, head: str, target: str | None, family: str) -> bool:
        base, seed = label_and_seed(head)
        return seed is None or (kind, base, target, family) not in families

    return replace(
        evaluation,
        results=[
            one for one in evaluation.results if shown(one.kind, one.head, one.target, one.split)
        ],
        pooled=[
            one
            for one in evaluation.pooled
            if mean_shown(one.kind, one.head, one.target, one.split)
        ],
        means=[
            one
            for one in evaluation.means
            if mean_shown(one.kind, one.head, one.target, one.family)
        ],
    )

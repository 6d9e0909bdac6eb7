"""Heads beside each other, for a forest plot: paired where they answered for the same videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aqa.errors import RunError
from aqa.evaluation.compare import compare, compared_metric, measure_alone
from aqa.evaluation.comparison import Comparison
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import Metric, metric_of
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.resampling import Interval
from aqa.split_names import NUMBERED, split_family

# Head -> split -> what it predicts.
_Answers = Mapping[str, Mapping[str, Predictions]]


@dataclass(frozen=True)
class ForestRow:
    """A head's mean over splits of a metric, and its 95 % interval over videos where known."""

    name: str
    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Forest:
    """Heads that predict the same target, the best first.

    metric: what is measured. over: which splits the means are over, in words. videos: how many are
    tested, each counted once. comparison: of every two heads on the same videos; None where that
    cannot be. notes: what is not shown, and why.
    """

    metric: Metric
    target: str
    over: str
    videos: int
    rows: tuple[ForestRow, ...]
    comparison: Comparison | None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the metric is called in tables."""
        return self.metric.title or self.metric.name


def forests_of(heads: Sequence[HeadResults], metric: str | None = None) -> list[Forest]:
    """A forest for each target, kind of answers and family of splits.

    metric: see `compare`; where heads differ in their kind of answers, each has its usual one.
    Heads without scores, classes or ranks are left out.
    """
    groups: dict[tuple[str, str, str], dict[str, dict[str, Predictions]]] = {}
    for head in heads:
        for split, one in head.predictions.items():
            group = groups.setdefault((head.target, one.kind, split_family(split)), {})
            group.setdefault(head.name, {})[split] = one
    several = len({kind for _, kind, _ in groups}) > 1
    return [
        _forest(target, family, group, compared_metric(None if several else metric, kind))
        for (target, kind, family), group in groups.items()
    ]


def _forest(target: str, family: str, group: _Answers, metric: str) -> Forest:
    notes: list[str] = []
    if len(group) > 1:
        try:
            return _paired(target, compare(group, metric))
        except RunError as error:
            notes.append(f"no differences of heads on the same videos: {error}")
    rows = []
    for name, answers in group.items():
        try:
            head = measure_alone(answers, metric)
            rows.append(ForestRow(name, head.value, head.interval))
        except RunError as error:
            notes.append(f"{name} is left out: {error}")
    answered = [one for answers in group.values() for one in answers.values()]
    found = metric_of(metric, answered[0].kind)
    ranked = sorted(rows, key=lambda row: row.value if found.lower_better else -row.value)
    over = _over(list(dict.fromkeys(s for answers in group.values() for s in answers)), family)
    videos = len({i for one in answered for i in one.ids})
    return Forest(found, target, over, videos, tuple(ranked), None, tuple(notes))


def _paired(target: str, comparison: Comparison) -> Forest:
    rows = [ForestRow(name, head.value, head.interval) for name, head in comparison.heads.items()]
    notes = [
        f"split {split} is left out: no results of {', '.join(names)}"
        for split, names in comparison.left_out.items()
    ]
    found = metric_of(comparison.metric, comparison.kind)
    over = _over(comparison.splits, comparison.family)
    if comparison.seeds:
        over += f" and {len(comparison.seeds)} seeds"
    return Forest(found, target, over, comparison.videos, tuple(rows), comparison, tuple(notes))


def _over(splits: Sequence[str], family: str) -> str:
    if len(splits) == 1:
        return f"split {splits[0]}"
    return f"mean of {len(splits)} splits{'' if family == NUMBERED else f' of {family}'}"

"""Results over the splits of a family: their mean, and metrics of all their test videos at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.evaluation.result import Marks, MeanResult, Result
from aqa.evaluation.score_rows import Row, measure_rows
from aqa.metrics import mean_and_std
from aqa.split_names import split_family


def means_over_splits(
    results: Iterable[Result], family: Callable[[str], str] = split_family
) -> list[MeanResult]:
    """Plain mean and standard deviation of each metric, for each head with several splits.

    family: split's name -> the family over which it is averaged.
    """
    sources: dict[tuple[Any, ...], list[Result]] = {}
    for one in results:
        alike = (one.kind, one.head, one.part, one.by, one.group)
        told = (one.marks.difficulty, one.marks.told)
        sources.setdefault((*alike, *told, family(one.split)), []).append(one)
    return [
        _mean(results_of_head, source[-1])
        for source, results_of_head in sources.items()
        if len(results_of_head) > 1
    ]


def _mean(results: Sequence[Result], family: str) -> MeanResult:
    first = results[0]
    values: dict[str, float | None] = {}
    stds: dict[str, float | None] = {}
    for name in first.values:
        summary = mean_and_std(name, [one.values[name] for one in results])
        values[name], stds[name] = summary[name], summary[f"{name}_std"]
    return MeanResult(
        *(first.kind, first.head, family, len(results), values, stds),
        part=first.part,
        by=first.by,
        group=first.group,
        marks=marks_over_splits([one.marks for one in results]),
    )


def marks_over_splits(marks: Sequence[Marks]) -> Marks:
    """What must be said of several splits together, of heads that are told the same."""
    leaky = sum(bool(one.leak) for one in marks)
    leak = (f"{leaky} of {len(marks)} splits",) if leaky else ()
    return replace(marks[0], leak=leak, alpha=None)


def pooled_results(
    results: Iterable[Result], tested: Mapping[tuple[str, str], Sequence[Row]], manifest: Manifest
) -> list[Result]:
    """Metrics of all test videos of a family's splits at once, where none is tested twice.

    results: those whose heads and marks are taken. tested: (head, split) -> rows of
    predictions.csv of the test videos. Where a split tests few videos, as in leave-one-out, this
    is what can be measured at all.
    """
    marks = {(one.head, one.split): one.marks for one in results if one.kind == "scores"}
    families: dict[tuple[str, str], list[str]] = {}
    for head, split in tested:
        families.setdefault((head, split_family(split)), []).append(split)
    pooled = []
    for (head, family), splits in families.items():
        rows = [row for split in splits for row in tested[head, split]]
        if len(splits) > 1 and len({row["video_id"] for row in rows}) == len(rows):
            said = marks_over_splits([marks[head, split] for split in splits])
            metrics = measure_rows(rows, manifest)
            pooled.append(
                Result.of(metrics, "scores", head, family, marks=said, pooled=len(splits))
            )
    return pooled

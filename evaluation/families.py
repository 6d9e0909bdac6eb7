"""Results over the splits of a family: their mean, and metrics of all their test videos at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.evaluation.classes.rows import are_classes, measure_class_rows
from aqa.evaluation.result import Marks, MeanResult, Result
from aqa.evaluation.score_rows import Row, measure_rows
from aqa.metrics import mean_and_std
from aqa.split_names import split_family
from aqa.target_names import SCORE

# The test videos that a head answered for: head, target, split.
Tested = tuple[str, str, str]


def means_over_splits(
    results: Iterable[Result], family: Callable[[str], str] = split_family
) -> list[MeanResult]:
    """Plain mean and standard deviation of each metric, for each head with several splits.

    family: split's name -> the family over which it is averaged.
    """
    sources: dict[tuple[Any, ...], list[Result]] = {}
    for one in results:
        alike = (one.kind, one.head, one.target, one.part, one.by, one.group)
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
        target=first.target,
        fewest=min(one.n for one in results),
    )


def marks_over_splits(marks: Sequence[Marks]) -> Marks:
    """What must be said of several splits together, of heads that are told the same."""
    leaky = sum(bool(one.leak) for one in marks)
    leak = (f"{leaky} of {len(marks)} splits",) if leaky else ()
    made_up = next((one.made_up for one in marks if one.made_up), None)
    return replace(marks[0], leak=leak, alpha=None, made_up=made_up)


def pooled_rows(tested: Mapping[Tested, Sequence[Row]]) -> dict[Tested, tuple[int, list[Row]]]:
    """All test videos of a family's splits at once, where none is tested twice.

    tested: rows of predictions.csv of the test videos. Beside them how many splits they are of; the
    family's name takes the place of a split's. Where a split tests few videos, as in leave-one-out,
    this is what can be measured at all. Scores are not pooled with classes, where a head was fitted
    to scores on one split and to classes on another.
    """
    families: dict[Tested, list[str]] = {}
    for head, target, split in tested:
        families.setdefault((head, target, split_family(split)), []).append(split)
    pooled = {}
    for (head, target, family), splits in families.items():
        each = [tested[head, target, split] for split in splits]
        rows = [row for own in each for row in own]
        alike = len({are_classes(own) for own in each}) == 1
        if len(splits) > 1 and alike and len({row["video_id"] for row in rows}) == len(rows):
            pooled[head, target, family] = len(splits), rows
    return pooled


def pooled_results(
    results: Iterable[Result],
    pooled: Mapping[Tested, tuple[int, Sequence[Row]]],
    manifest: Manifest,
) -> list[Result]:
    """Metrics of `pooled_rows`. results: of the single splits, whose marks are taken."""
    marks: dict[Tested, list[Marks]] = {}
    for one in results:
        if one.kind in ("scores", "classes"):
            key = one.head, one.target or SCORE, split_family(one.split)
            marks.setdefault(key, []).append(one.marks)
    return [
        Result.of(
            measure_class_rows(rows)
            if are_classes(rows)
            else measure_rows(rows, manifest.of_target(target)),
            *("classes" if are_classes(rows) else "scores", head, family),
            marks=marks_over_splits(marks[head, target, family]),
            pooled=splits,
            target=None if target == SCORE else target,
        )
        for (head, target, family), (splits, rows) in pooled.items()
    ]

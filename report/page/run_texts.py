"""Sentences of the researcher's page: its caption, and what each picture says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.evaluation.forest import Forest
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import metric_of, point_digits
from aqa.evaluation.resampling import Interval
from aqa.number_text import fixed, signed
from aqa.report.values import with_interval
from aqa.split_names import NUMBERED, split_family


def caption(heads: Sequence[HeadResults], manifest: Manifest) -> list[str]:
    """The protocol in sentences: what was fitted on what, and on what it is tested."""
    fitted = [head for head in heads if not head.is_baseline]
    splits = list(dict.fromkeys(split for head in fitted for split in head.folders))
    families = dict.fromkeys(map(split_family, splits))
    named = ", ".join(family for family in families if family != NUMBERED)
    learned = [len(r["split"]["train"]) for head in fitted for r in head.records.values()]
    sizes = [len(one.ids) for head in fitted for one in head.predictions.values()]
    times: dict[str, set[str]] = {}
    for head in fitted:
        for split, one in head.predictions.items():
            for video in one.ids:
                times.setdefault(video, set()).add(split)
    lines = [
        f"{_count(len(splits), 'split')} ({', '.join(splits)}{f'; of {named}' if named else ''}) "
        f"of {manifest.path.name}, {len(manifest.videos)} videos. Heads were fitted to "
        f"{_between(learned)} training videos each; everything that is fitted or chosen comes from "
        "these.",
    ]
    if sizes:
        several = sum(len(one) > 1 for one in times.values())
        again = f", {several} of them by several splits" if several else ""
        lines.append(
            f"Each split tests {_between(sizes)} videos, together {len(times)}{again}. Intervals "
            "draw videos, never splits."
        )
    lines.append(
        "The numbers are those that aqa eval kept beside the runs; no video was scored for this "
        "page."
    )
    return lines


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _between(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def predicted_alt(head: HeadResults) -> str:
    """What the picture of predicted against true scores says."""
    points = head.points()
    digits = point_digits(points.true.tolist(), 1)
    true, predicted = (
        f"{fixed(values.min(), digits)} to {fixed(values.max(), digits)}"
        for values in (points.true, points.predicted)
    )
    text = (
        f"Scatter plot of {head.name}: {len(points.ids)} predictions for {points.videos} test "
        f"videos; true scores go from {true}, predicted ones from {predicted}."
    )
    if points.has_ranges:
        text += f" {int(points.inside.sum())} true scores lie in their range of 80 %."
    return text


def residuals_alt(head: HeadResults) -> str:
    """What the picture of residuals by score says: of the lowest and the highest fifth."""
    points = head.points()
    residual = points.predicted - points.true
    order = np.argsort(points.true, kind="stable")
    parts = np.array_split(order, min(5, len(order)))
    digits = point_digits(np.abs(residual).tolist(), 1)
    return (
        f"Residuals of {head.name} by true score: the lowest scores are predicted "
        f"{signed(residual[parts[0]].mean(), digits)} points off on average, the highest "
        f"{signed(residual[parts[-1]].mean(), digits)}."
    )


def types_alt(head: HeadResults) -> str:
    """What the picture of residuals by type says."""
    types = {label for i in head.points().ids if (label := head.types.get(i))}
    return (
        f"Residuals of {head.name} for each of {_count(len(types), 'type')}; their means stand in "
        "the table by type."
    )


def learning_alt(head: HeadResults) -> str:
    """What the picture of learning curves says: the last row of each split."""
    rows = {split: rows[-1] for split, rows in head.histories.items() if rows}
    columns = [
        name
        for name, value in next(iter(rows.values())).items()
        if isinstance(value, float) and name.endswith(("loss", "mse", "accuracy"))
    ]
    ends = []
    for name in columns:
        last = [row[name] for row in rows.values() if isinstance(row.get(name), float)]
        numbers = [float(value) for value in last]
        ends.append(f"{name} {min(numbers):.3g} to {max(numbers):.3g}")
    return f"Learning curves of {head.name}, {_count(len(rows), 'split')}; last: {', '.join(ends)}."


def intervals_alt(forest: Forest) -> str:
    """What the picture of heads with their intervals says."""
    digits = forest.metric.digits_for(row.value for row in forest.rows)
    each = (f"{row.name} {with_interval(row.value, row.interval, digits)}" for row in forest.rows)
    return f"{forest.title} with 95 % intervals, {forest.over}: {'; '.join(each)}."


def differences_alt(forest: Forest) -> str:
    """What the picture of paired differences says."""
    assert forest.comparison is not None
    best = forest.rows[0].name
    digits = forest.metric.digits_for(row.value for row in forest.rows)
    each = (
        f"{pair.b} {with_interval(-pair.difference, _turned(pair.interval), digits, sign='+')}"
        for pair in forest.comparison.pairs
        if pair.a == best
    )
    return f"{forest.title} less that of {best}, with 95 % intervals: {'; '.join(each)}."


def _turned(interval: Interval | None) -> Interval | None:
    return None if interval is None else [-interval[1], -interval[0]]


def coverage_alt(heads: Sequence[HeadResults]) -> str:
    """What the picture of coverage says: of the ranges of 80 %."""
    each = []
    for head in heads:
        found = [m["coverage"] for m in head.measured.values() if "coverage" in m]
        if found:
            widths = [one["width_80"] for one in found]
            digits = metric_of("width_80", "coverage").digits_for(widths)
            share = 100 * float(np.mean([one["coverage_80"] for one in found]))
            each.append(f"{head.name} {share:.0f} %, {np.mean(widths):.{digits}f} wide")
    return (
        f"Coverage of the ranges of 80 %: {'; '.join(each)}; the other levels stand in the table."
    )

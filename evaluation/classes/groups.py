"""Classes evaluated by groups of videos, such as types, with averages over the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aqa.evaluation.classes.rows import measure_class_rows
from aqa.evaluation.resampling import MetricValues
from aqa.evaluation.score_rows import Row


def measure_class_groups(groups: Mapping[str, Sequence[Row]], by: str) -> dict[str, MetricValues]:
    """Every metric of all videos, of each group of them, and their plain mean over the groups.

    groups: label -> rows. by: `type` or `action`. The mean is over the groups that have a value,
    those that have none counted in `<metric>_undefined`; it has no interval.
    """
    every = [row for rows in groups.values() for row in rows]
    each = {label: measure_class_rows(rows) for label, rows in sorted(groups.items())}
    return {
        "all": measure_class_rows(every),
        **each,
        f"mean of {by}s": _mean(len(every), each),
    }


def _mean(n: int, groups: Mapping[str, MetricValues]) -> MetricValues:
    names = next(iter(groups.values())).values
    values: dict[str, float | None] = {}
    counts: dict[str, Any] = {"groups": len(groups)}
    for name in names:
        known = [v for one in groups.values() if (v := one.values[name]) is not None]
        values[name] = sum(known) / len(known) if known else None
        counts[f"{name}_groups"] = len(known)
        counts[f"{name}_undefined"] = [
            label for label, one in groups.items() if one.values[name] is None
        ]
    return MetricValues(n, values, dict.fromkeys(values), counts)

"""Scores evaluated by groups of videos, such as types, with averages over the groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.evaluation.classes.groups import measure_class_groups
from aqa.evaluation.classes.rows import are_classes
from aqa.evaluation.metric import metrics_of
from aqa.evaluation.resampling import RESAMPLES, MetricValues
from aqa.evaluation.score_metrics import FEWEST, measured, score_samples
from aqa.evaluation.score_rows import Row, measure_rows, spans, true_and_predicted
from aqa.metrics import Values, fisher_z, has_fisher_z

Samples = Mapping[str, Values]


def measure_groups(
    rows: Sequence[Row], manifest: Manifest, by: str, *, resamples: int = RESAMPLES
) -> dict[str, MetricValues]:
    """Every metric of all videos, of each group of them, and averages over the groups.

    by: `type` or `action`. Averages are named: the plain mean of every metric, and for
    correlations Fisher's z (parmar2019action §5), each over the groups that have a value, those
    that have none counted in `<metric>_undefined`. Intervals of averages draw videos within each
    group; there is none where one of the groups has too few videos for one. Of rows of classes see
    `measure_class_groups`.
    """
    groups = _grouped(rows, manifest, by)
    if are_classes(rows):
        return measure_class_groups(groups, by)
    metrics, samples = {"all": measure_rows(rows, manifest)}, {}
    for seed, (label, rows_of_group) in enumerate(sorted(groups.items())):
        samples[label] = score_samples(
            *true_and_predicted(rows_of_group),
            span=spans(rows_of_group, manifest),
            resamples=resamples,
            seed=seed,
        )
        metrics[label] = measured(len(rows_of_group), samples[label])
    few = {label for label, rows_of_group in groups.items() if len(rows_of_group) < FEWEST}
    names = [metric.name for metric in metrics_of("scores")]
    correlations = [metric.name for metric in metrics_of("scores") if metric.correlation]
    n = len(rows)
    metrics[f"mean of {by}s"] = _average(n, samples, few, names, np.isfinite, _mean)
    metrics[f"Fisher z of {by}s"] = _average(n, samples, few, correlations, has_fisher_z, fisher_z)
    return metrics


def _grouped(rows: Sequence[Row], manifest: Manifest, by: str) -> dict[str, list[Row]]:
    """The rows of each label."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        label = getattr(manifest.by_id[row["video_id"]], by)
        groups.setdefault(label or f"(no {by})", []).append(row)
    if set(groups) == {f"(no {by})"}:
        raise AqaError(f"{manifest.path}: no test video has a value in the column {by}")
    return groups


def _average(
    n: int,
    samples: Mapping[str, Samples],
    few: set[str],
    names: Sequence[str],
    defined: Callable[[Any], Any],
    average: Callable[[Values], Values],
) -> MetricValues:
    """An average of each metric over the groups where it is defined, and which those are not."""
    averaged: dict[str, Values] = {}
    counts: dict[str, Any] = {"groups": len(samples)}
    without_interval: set[str] = set()
    for name in names:
        known = [label for label, values in samples.items() if defined(values[name][0])]
        each = [samples[label][name] for label in known]
        averaged[name] = average(np.stack(each, axis=-1)) if each else np.full(1, np.nan)
        counts[f"{name}_groups"] = len(known)
        counts[f"{name}_undefined"] = [label for label in samples if label not in known]
        if few.intersection(known):
            without_interval.add(name)
    metrics = MetricValues.of(n, averaged, **counts)
    intervals = {
        name: None if name in without_interval else metrics.intervals[name] for name in names
    }
    return MetricValues(n, metrics.values, intervals, metrics.counts)


def _mean(values: Values) -> Values:
    return values.mean(axis=-1)

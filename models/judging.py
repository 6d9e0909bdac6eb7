"""Predicted scores against the judges': all test videos, or each type or action by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from aqa.errors import AqaError
from aqa.features.manifest import Manifest
from aqa.models.metrics import (
    Values,
    fisher_z,
    report,
    resample_counts,
    resampled,
    with_intervals,
)

# What Fisher's z is for.
CORRELATIONS = ("spearman", "pearson")

# A row of predictions.csv: video_id, part, score, predicted.
Row = Mapping[str, Any]


def part_rows(
    part: str, ids: Sequence[str], scores: Sequence[float], predicted: Sequence[float]
) -> list[dict[str, Any]]:
    """The rows of predictions.csv of one part of a split."""
    return [
        {"video_id": i, "part": part, "score": s, "predicted": p}
        for i, s, p in zip(ids, scores, predicted, strict=True)
    ]


def judge_rows(rows: Sequence[Row], manifest: Manifest) -> dict[str, Any]:
    """Every metric with its interval; R-l2 by the range of each action's scores (see `spans`)."""
    true, pred = _values(rows)
    return report(true, pred, span=spans(rows, manifest))


def judge_groups(
    rows: Sequence[Row], manifest: Manifest, by: str, *, level: float = 0.95, resamples: int = 2000
) -> list[dict[str, Any]]:
    """The same of all videos, of each group of them, and averages over the groups.

    by: `type` or `action`. Averages are named: the plain mean of every metric, and for
    correlations Fisher's z (004 5). Their intervals draw videos within each group.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        label = getattr(manifest.by_id[row["video_id"]], by)
        groups.setdefault(label or f"(no {by})", []).append(row)
    if set(groups) == {f"(no {by})"}:
        raise AqaError(f"{manifest.path}: no test video has a value in the column {by}")
    results = [{"by": by, "group": "all", **judge_rows(rows, manifest)}]
    samples = []
    for seed, (label, own) in enumerate(sorted(groups.items())):
        counts = resample_counts(len(own), resamples, seed)
        values = resampled(*_values(own), counts, span=spans(own, manifest))
        results.append({"by": by, "group": label, "n": len(own), **with_intervals(values, level)})
        samples.append(values)
    return results + [
        {"by": by, "group": name, "n": len(rows), **found}
        for name, found in (
            (f"mean of {by}s", _average(samples, list(samples[0]), _mean, level)),
            (f"Fisher z of {by}s", _average(samples, CORRELATIONS, fisher_z, level)),
        )
    ]


def spans(rows: Sequence[Row], manifest: Manifest) -> list[float]:
    """Highest less lowest score of each video's action, over every video of the manifest.

    R-l2 is defined by "the highest and lowest scores of an action" (Yu et al. 2021); their code
    takes them of the test videos alone, which would make the unit differ from split to split.
    """
    scores: dict[str | None, list[float]] = {}
    for video in manifest:
        scores.setdefault(video.action, []).append(video.score)
    found = {action: float(np.ptp(values)) for action, values in scores.items()}
    return [found[manifest.by_id[row["video_id"]].action] for row in rows]


def _average(
    samples: Sequence[Mapping[str, Values]],
    names: Sequence[str],
    average: Callable[[Values], Values],
    level: float,
) -> dict[str, Any]:
    """An average of each metric over the groups where it is defined, and how many those are."""
    averaged, defined = {}, {}
    for name in names:
        known = [values[name] for values in samples if np.isfinite(values[name][0])]
        # A group of one video has no resamples: its value stands in all of them.
        size = max(map(len, known), default=1)
        full = [np.repeat(v, size) if len(v) == 1 else v for v in known]
        averaged[name] = average(np.stack(full, axis=-1)) if full else np.full(1, np.nan)
        defined[f"{name}_groups"] = len(known)
    return {"groups": len(samples), **defined, **with_intervals(averaged, level)}


def _mean(values: Values) -> Values:
    return values.mean(axis=-1)


def _values(rows: Sequence[Row]) -> tuple[Values, Values]:
    true, pred = (np.array([float(row[name]) for row in rows]) for name in ("score", "predicted"))
    return true, pred

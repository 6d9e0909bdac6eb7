"""Evaluate fitted heads by their kind: scores, pairs or stages; scores by type or action too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import AqaError
from aqa.evaluation.metrics import (
    QUANTILES,
    Values,
    fisher_z,
    report,
    report_attributes,
    report_coverage,
    report_pairs,
    report_stages,
    resample_counts,
    resampled,
    with_intervals,
)
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import HeadError, PairHead, StageHead
from aqa.models.runs import METRICS_FILE, PREDICTIONS, Run, RunError, write_json, write_rows
from aqa.models.stages import hand_starts

# What Fisher's z is for.
CORRELATIONS = ("spearman", "pearson")

# A row of predictions.csv: video_id, part, score, predicted.
Row = Mapping[str, Any]


# Rows of predictions.csv, and part -> metrics.
Evaluated = tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]


def part_rows(
    part: str, ids: Sequence[str], scores: Sequence[float], predicted: Sequence[float]
) -> list[dict[str, Any]]:
    """The rows of predictions.csv of one part of a split."""
    return [
        {"video_id": i, "part": part, "score": s, "predicted": p}
        for i, s, p in zip(ids, scores, predicted, strict=True)
    ]


def evaluate_rows(rows: Sequence[Row], manifest: Manifest) -> dict[str, Any]:
    """Every metric with its interval; R-l2 by the range of each action's scores (see `spans`)."""
    true, pred = _values(rows)
    return report(true, pred, span=spans(rows, manifest))


def evaluate_groups(
    rows: Sequence[Row], manifest: Manifest, by: str, *, level: float = 0.95, resamples: int = 2000
) -> list[dict[str, Any]]:
    """The same of all videos, of each group of them, and averages over the groups.

    by: `type` or `action`. Averages are named: the plain mean of every metric, and for
    correlations Fisher's z (parmar2019action §5). Their intervals draw videos within each group.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        label = getattr(manifest.by_id[row["video_id"]], by)
        groups.setdefault(label or f"(no {by})", []).append(row)
    if set(groups) == {f"(no {by})"}:
        raise AqaError(f"{manifest.path}: no test video has a value in the column {by}")
    results = [{"by": by, "group": "all", **evaluate_rows(rows, manifest)}]
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


def evaluate_run(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Evaluated:
    """Evaluate a head by its kind."""
    try:
        return _EVALUATORS[run.head.kind](run, split, manifest, features, parts)
    except HeadError as error:
        raise RunError(f"{run.folder} on {manifest.path}: {error}") from None


def save_evaluated(folder: Path, evaluated: Evaluated) -> None:
    """Write answers and their metrics into a run's folder."""
    rows, metrics = evaluated
    write_rows(folder / PREDICTIONS, rows)
    write_json(folder / METRICS_FILE, metrics)


def _evaluate_scores(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Evaluated:
    """Predict the videos of these parts."""
    head: Any = run.scoring_head()
    parted = "parts" in head.gives
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        columns = (*head.answer_columns, *(("difficulty", "execution") if parted else ()))
        examples = examples_of(ids, manifest, features, tuple(dict.fromkeys(columns)))
        scores = examples.scores
        own = part_rows(part, ids, scores.tolist(), head.predict_examples(examples).tolist())
        metrics[part] = evaluate_rows(own, manifest)
        if "quantiles" in head.gives:
            bounds = head.quantiles(examples, QUANTILES)
            metrics[part]["coverage"] = report_coverage(scores, bounds)
            for row, values in zip(own, bounds.tolist(), strict=True):
                row |= {f"quantile_{q:g}": v for q, v in zip(QUANTILES, values, strict=True)}
        if "attributes" in head.gives:
            said = head.attributes(examples)
            true = [manifest.by_id[i].attributes for i in ids]
            if any(said):
                metrics[part]["attributes"] = report_attributes(true, said)
            for row, labels in zip(own, said, strict=True):
                row |= {f"predicted_{name}": label for name, label in labels.items()}
        if parted:
            truth = head.true_parts(examples)
            metrics[part]["parts"] = {}
            for name, value in head.parts(examples).items():
                known = np.isfinite(truth[name])
                metrics[part]["parts"][name] = report(truth[name][known], value[known])
                for row, t, v in zip(own, truth[name].tolist(), value.tolist(), strict=True):
                    row |= {name: t, f"predicted_{name}": v}
        rows += own
    return rows, metrics


def _evaluate_pairs(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Evaluated:
    """Compare pairs, each in both orders.

    train: two videos that were learned from. held-out: a video that training was stopped by, and
    any training video. test: two test videos. test-train: a test video and one learned from.
    """
    head = run.head
    assert isinstance(head, PairHead)
    fitted, stopped = run.record["split"]["train"], run.record["split"]["val"]
    stopped = stopped or [fitted[i] for i in head.held_out]
    trained = [i for i in fitted if i not in set(stopped)]
    tested = list(split.test) if "test" in parts else []
    ids = [*trained, *stopped, *tested]
    examples = examples_of(ids, manifest, features, run.head.answer_columns)
    pairs = head.pairs(examples).both_orders()
    chance = head.similarity(examples, pairs.first, pairs.second)
    part_of = np.repeat(["train", "held-out", "test"], [len(trained), len(stopped), len(tested)])
    first, second = part_of[pairs.first], part_of[pairs.second]
    tests = (first == "test").astype(int) + (second == "test")
    trains = (first == "train").astype(int) + (second == "train")
    chosen = {
        "train": trains == 2,
        "held-out": (tests == 0) & (trains < 2),
        "test": tests == 2,
        "test-train": (tests == 1) & (trains == 1),
    }
    rows, metrics = [], {}
    for part, own in chosen.items():
        if not own.any():
            continue
        metrics[part] = report_pairs(pairs.where(own), chance[own])
        # Both orders are evaluated, but they are one pair.
        for count in ("n", "similar", "dissimilar"):
            metrics[part][count] //= 2
        rows += [
            {"first": ids[a], "second": ids[b], "part": part, "similar": int(t), "probability": p}
            for a, b, t, p in zip(*pairs.where(own), chance[own].tolist(), strict=True)
            if part != "train"
        ]
    return rows, metrics


def _evaluate_stages(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Evaluated:
    """Label the frames of the videos of these parts that have hand labels."""
    head = run.head
    assert isinstance(head, StageHead)
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        examples = examples_of(ids, manifest, features, ("clips", "stages"))
        columns = examples.columns
        n_frames = [features.store.n_frames(i) for i in ids]
        true = hand_starts(columns["stages"], head.stages, ids)
        found = head.starts(examples.features, clips=columns["clips"], n_frames=n_frames)
        metrics[part] = report_stages(head.stages, true, found, n_frames)
        rows += [
            {"video_id": i, "part": part, "stage": name, "start": int(t), "predicted": int(p)}
            for i, *starts in zip(ids, true, found, strict=True)
            for name, t, p in zip(head.stages, *starts, strict=True)
        ]
    return rows, metrics


_EVALUATORS = {"scores": _evaluate_scores, "pairs": _evaluate_pairs, "stages": _evaluate_stages}

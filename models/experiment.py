"""Heads on splits: fit them, and judge them on the videos that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from aqa.features.manifest import Manifest, Video
from aqa.features.split import PARTS, Split
from aqa.features.store import FeatureStore, check_spec
from aqa.models.feedback import Judged, explains, judge_feedback
from aqa.models.heads import get_head
from aqa.models.heads.base import BaseHead, HeadError, PairHead, parse_params
from aqa.models.metrics import KINDS, report, report_pairs
from aqa.models.runs import (
    FEEDBACK,
    METRICS_FILE,
    PREDICTIONS,
    RECORD,
    Run,
    RunError,
    load_run,
    make_record,
    save_run,
    write_json,
    write_rows,
)
from aqa.workspace import run_folder

# The split of every video, for a head that is going to score others and is not tested here.
EVERYTHING = "all"


def splits_of(manifest: Manifest, names: Sequence[str] = ()) -> list[Split]:
    """The named splits of a manifest, or all it has; `all` trains on every video."""
    if not names and not manifest.split_names:
        raise RunError(
            f"{manifest.path}: no split to fit: add a column split_<name> of train, val and test, "
            f"or fit every video with --split {EVERYTHING}"
        )
    return [
        Split(EVERYTHING, train=manifest.ids)
        if name == EVERYTHING and EVERYTHING not in manifest.split_names
        else manifest.split(name)
        for name in names or manifest.split_names
    ]


def fit_splits(
    head: str,
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    splits: Sequence[Split],
    runs: Path,
    *,
    seed: int = 0,
    skip_missing: bool = False,
    start: Path | None = None,
) -> Iterator[Run]:
    """Fit a head on the training videos of each split, one run after the other.

    params: `name=value` texts. skip_missing: leave out videos that the store does not hold,
    which is otherwise an error. start: the folder of a fitted run to start from, or that of a
    head, of which the run of the same split is taken. Each run is saved below `runs` before it
    is yielded.
    """
    if len(store.shape) != 1:
        raise RunError(
            f"{store.path}: layer {store.spec['layer']} holds maps of shape {store.shape}, "
            "heads take vectors; extract another --layer"
        )
    values = {"seed": seed, **parse_params(get_head(head), params)}
    starts = {split.name: _start_run(get_head(head), head, start, split.name) for split in splits}
    features = dict(zip(store.ids, store.load(store.ids), strict=True))
    prepared = [_present(split, manifest, store, skip_missing) for split in splits]
    for split in prepared:
        model = get_head(head)(**values)
        columns = model.columns
        x, y, named = _data(split.train, manifest, features, columns)
        options: dict[str, Any] = dict(named)
        if split.val:
            val = _data(split.val, manifest, features, columns)
            options["validation"] = val if columns else val[:2]
        if model.also_shown:
            more = [i for part in model.also_shown for i in split.part(part)]
            options["others"] = _data(more, manifest, features, columns)
        if model.takes_views:
            options["views"] = [store.view(name).load(split.train) for name in store.views[1:]]
        origin = starts[split.name]
        if origin is not None:
            check_features(origin, store)
            options["start"] = origin.head
        started = time.perf_counter()
        try:
            model.fit(x, y, **options)
        except HeadError as error:
            raise RunError(f"{head} on split {split.name} of {manifest.path}: {error}") from None
        seconds = time.perf_counter() - started
        folder = run_folder(runs, head, split.name)
        record = make_record(head, model, split, store, folder, seconds, origin)
        run = save_run(folder, model, record)
        judge_run(run, split, manifest, features, ("train", "val"))
        yield run


def _start_run(head: type[BaseHead], name: str, start: Path | None, split: str) -> Run | None:
    """The run that a head starts from, if it can start from one."""
    if start is None:
        return None
    if head.starts_from is None:
        raise RunError(f"{name} cannot start from a fitted run; leave out --from")
    run = load_run(
        start if (start / RECORD).exists() else run_folder(start.parent, start.name, split)
    )
    if run.name != head.starts_from:
        raise RunError(f"{run.folder}: {name} starts from {head.starts_from}, not from {run.name}")
    return run


def check_features(run: Run, store: FeatureStore) -> None:
    """Refuse to start from a run on features that were made in another way.

    How many frames a video was given may differ: actions differ in length.
    """
    of_videos = ("frames", "padding", "tail", "stride", "views", "view_seed")
    kept, spec = (
        {k: v for k, v in s.items() if k not in of_videos} for s in (run.spec, store.spec)
    )
    check_spec(store.path, spec, kept)


def videos_columns(videos: Sequence[Video], columns: Sequence[str]) -> dict[str, list[Any]]:
    """Attributes of videos, as heads with such `columns` take them."""
    return {name: [getattr(video, name) for video in videos] for name in columns}


def _data(
    ids: Sequence[str],
    manifest: Manifest,
    features: Mapping[str, Any],
    columns: Sequence[str],
) -> tuple[list[Any], np.ndarray, dict[str, list[Any]]]:
    """Features, scores and columns of these videos."""
    videos = [manifest.by_id[i] for i in ids]
    scores = np.array([video.score for video in videos])
    return [features[i] for i in ids], scores, videos_columns(videos, columns)


def _present(split: Split, manifest: Manifest, store: FeatureStore, skip: bool) -> Split:
    """The split, if the store holds its videos."""
    wanted = [i for part in PARTS for i in split.part(part)]
    missing = [i for i in wanted if i not in store]
    if missing and not skip:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise RunError(
            f"{store.path}: {len(missing)} of the {len(wanted)} videos of split {split.name} are "
            f"not in it: {shown}; run `aqa extract`, or leave them out with --skip-missing"
        )
    present = split.only(set(store.ids))
    if not present.train:
        raise RunError(f"{manifest.path}: split {split.name} has no training videos")
    return present


def evaluate_runs(
    folders: Sequence[Path],
    manifest: Manifest,
    store: FeatureStore | None = None,
    *,
    allow_leak: bool = False,
    skip_missing: bool = False,
    feedback: bool = False,
    align: str = "index",
) -> list[dict[str, Any]]:
    """Judge saved runs on the test videos of their splits.

    One result a run of a head that predicts scores; one a part for a head that compares pairs:
    `held-out`, `test`, and `test-train`, a test video with a training video. feedback: judge
    instead which clips are called faulty, for the heads that say so; align: see `ALIGNMENTS`.

    store: None takes each run's own. A test video that the head or the backbone has learned from
    is an error; with `allow_leak` it is counted in the result instead.

    Each run's predictions.csv and metrics.json get the test videos beside the others.
    """
    results = []
    stores: dict[Path, tuple[FeatureStore, dict[str, Any]]] = {}
    for folder in folders:
        run = load_run(folder)
        if run.split == EVERYTHING and EVERYTHING not in manifest.split_names:
            continue
        path = store.path if store else run.store
        if path not in stores:
            opened = store or FeatureStore.open(path)
            stores[path] = opened, dict(zip(opened.ids, opened.load(opened.ids), strict=True))
        opened, features = stores[path]
        check_spec(path, opened.spec, run.spec)
        split = _present(_as_fitted(run, manifest), manifest, opened, skip_missing)
        if not split.test:
            raise RunError(
                f"{manifest.path}: split {split.name} has no test videos; "
                "name the splits that have with --split"
            )
        leaks = _leaks(run, split, opened)
        if leaks and not allow_leak:
            raise RunError(
                f"{folder}: split {split.name}: {'; '.join(leaks.values())}; "
                "its result would mean nothing (--allow-leak shows it, marked)"
            )
        marks = {"leak": list(leaks.values())} if leaks else {}
        if feedback:
            if explains(run.head):
                found = judge_feedback(run.head, split.test, manifest, opened, align)
                judged = {"test": _save_feedback(run, found)}
            else:
                judged = {}
        else:
            judged = judge_run(run, split, manifest, features, PARTS, marks)
        kind = "feedback" if feedback else run.head.kind
        results += [
            {"kind": kind, "head": run.label, "split": run.split, **named, **judged[part], **marks}
            for part, named in _shown_parts(kind, judged)
        ]
    if not results and feedback:
        raise RunError(
            "no fitted head gives feedback: fit `score`, `wd`, `average`, or `lstm` with "
            "-p label=incremental"
        )
    if not results:
        raise RunError("nothing to evaluate: the heads were fitted on every video")
    return results


def _as_fitted(run: Run, manifest: Manifest) -> Split:
    """The run's split; training videos that it took for validation are shown as that."""
    split = manifest.split(run.split)
    held = {*run.record["split"]["val"]}
    return replace(
        split,
        train=tuple(i for i in split.train if i not in held),
        val=(*split.val, *(i for i in split.train if i in held)),
    )


def _shown_parts(kind: str, judged: Mapping[str, Any]) -> list[tuple[str, dict[str, str]]]:
    """The parts that are results, and what a result calls them."""
    if kind == "pairs":
        return [(part, {"part": part}) for part in judged if part != "train"]
    return [(part, {}) for part in judged if part == "test"]


def _save_feedback(run: Run, found: Judged) -> dict[str, Any]:
    write_rows(run.folder / FEEDBACK, found.rows)
    return found.metrics


def _leaks(run: Run, split: Split, store: FeatureStore) -> dict[str, str]:
    """What of the test videos was learned from, by whom."""
    fitted_on = store.spec["weights"]["fitted_on"] or ()
    seen = {"the head": run.learned_from, f"the network behind {store.path}": set(fitted_on)}
    return {
        who: f"{who} has learned from {len(set(split.test) & ids)} of {len(split.test)} test videos"
        for who, ids in seen.items()
        if set(split.test) & ids
    }


def judge_run(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Mapping[str, Any],
    parts: Sequence[str],
    marks: Mapping[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Judge a head by its kind; write its answers and their metrics into the run's folder.

    marks: go with the metrics of the test videos.
    """
    judge = _judge_pairs if isinstance(run.head, PairHead) else _judge_scores
    rows, metrics = judge(run, split, manifest, features, parts)
    if "test" in metrics:
        metrics["test"].update(marks or {})
    write_rows(run.folder / PREDICTIONS, rows)
    write_json(run.folder / METRICS_FILE, metrics)
    return metrics


Judgement = tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]


def _judge_scores(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Mapping[str, Any],
    parts: Sequence[str],
) -> Judgement:
    """Predict the videos of these parts."""
    head = run.scoring_head()
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        x, scores, columns = _data(ids, manifest, features, head.columns)
        predicted = head.predict(x, **columns)
        metrics[part] = report(scores, predicted)
        rows += [
            {"video_id": i, "part": part, "score": s, "predicted": p}
            for i, s, p in zip(ids, scores.tolist(), predicted.tolist(), strict=True)
        ]
    return rows, metrics


def _judge_pairs(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Mapping[str, Any],
    parts: Sequence[str],
) -> Judgement:
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
    x, scores, columns = _data(ids, manifest, features, head.columns)
    pairs = head.pairs(scores, **columns).both_orders()
    chance = head.similarity(x, pairs.first, pairs.second)
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
        # Both orders are judged, but they are one pair.
        for count in ("n", "similar", "dissimilar"):
            metrics[part][count] //= 2
        rows += [
            {"first": ids[a], "second": ids[b], "part": part, "similar": int(t), "probability": p}
            for a, b, t, p in zip(*pairs.where(own), chance[own].tolist(), strict=True)
            if part != "train"
        ]
    return rows, metrics


def over_splits(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The plain mean and the standard deviation over splits, for each head with several."""
    rows = []
    for kind, head, part in dict.fromkeys(map(_source, results)):
        own = [result for result in results if _source(result) == (kind, head, part)]
        if len(own) < 2:
            continue
        row: dict[str, Any] = {"kind": kind, "head": head, "splits": len(own)}
        row |= {"part": part} if part else {}
        for metric in KINDS[kind]:
            values = [result[metric] for result in own]
            known = None not in values
            row[metric] = float(np.mean(values)) if known else None
            row[f"{metric}_std"] = float(np.std(values, ddof=1)) if known else None
        leaky = sum("leak" in result for result in own)
        row |= {"leak": [f"{leaky} of {len(own)} splits"]} if leaky else {}
        rows.append(row)
    return rows


def _source(result: Mapping[str, Any]) -> tuple[str, str, str]:
    return result["kind"], result["head"], result.get("part", "")


def write_results(
    runs: Path,
    heads: Sequence[str],
    splits: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
) -> Path:
    """Write results as JSON, and each kind of them as CSV, beside the runs; gives the JSON's path.

    The results of pairs and of feedback have tables of their own: eval-pairs, eval-feedback.
    heads, splits: those that were asked for, which the files are named after.
    """
    suffix = "".join([*(f"-{head}" for head in heads), *(f"-split-{split}" for split in splits)])
    of_feedback = any(result["kind"] == "feedback" for result in results)
    path = runs / f"eval{'-feedback' if of_feedback else ''}{suffix}.json"
    write_json(path, {"results": list(results), "means": list(means)})
    kinds = sorted(results, key=lambda result: str(result["kind"]))
    for kind, own in groupby(kinds, key=lambda result: str(result["kind"])):
        name = "eval" if kind == "scores" else f"eval-{kind}"
        write_rows(runs / f"{name}{suffix}.csv", [_flat(result) for result in own])
    return path


def _flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as a row: an interval in two columns."""
    row: dict[str, Any] = {}
    for column, cell in result.items():
        if column.endswith("_interval"):
            row[f"{column}_low"], row[f"{column}_high"] = cell or (None, None)
        else:
            row[column] = "; ".join(cell) if column == "leak" else cell
    return row

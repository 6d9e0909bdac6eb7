"""Heads on splits: fit them, and judge them on the videos that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.features.manifest import Manifest
from aqa.features.split import PARTS, Split
from aqa.features.store import FeatureStore, check_spec
from aqa.models.heads import get_head
from aqa.models.heads.base import parse_params
from aqa.models.metrics import METRICS, report
from aqa.models.runs import (
    METRICS as METRICS_FILE,
)
from aqa.models.runs import (
    PREDICTIONS,
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
) -> Iterator[Run]:
    """Fit a head on the training videos of each split, one run after the other.

    params: `name=value` texts. skip_missing: leave out videos that the store does not hold,
    which is otherwise an error. Each run is saved below `runs` before it is yielded.
    """
    values = {"seed": seed, **parse_params(get_head(head), params)}
    features = dict(zip(store.ids, store.load(store.ids), strict=True))
    prepared = [_present(split, manifest, store, skip_missing) for split in splits]
    for split in prepared:
        model = get_head(head)(**values)
        train, val = (
            ([features[i] for i in ids], np.array([manifest.by_id[i].score for i in ids]))
            for ids in (split.train, split.val)
        )
        started = time.perf_counter()
        model.fit(*train, validation=val if split.val else None)
        seconds = time.perf_counter() - started
        folder = run_folder(runs, head, split.name)
        record = make_record(head, model, split, store, folder, seconds)
        run = save_run(folder, model, record)
        _judge(run, split, manifest, features, ("train", "val"))
        yield run


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
) -> list[dict[str, Any]]:
    """Judge saved runs on the test videos of their splits; one result a run.

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
        split = _present(manifest.split(run.split), manifest, opened, skip_missing)
        if not split.test:
            raise RunError(f"{manifest.path}: split {split.name} has no test videos")
        leaks = _leaks(run, split, opened)
        if leaks and not allow_leak:
            raise RunError(
                f"{folder}: split {split.name}: {'; '.join(leaks.values())}; "
                "its result would mean nothing (--allow-leak shows it, marked)"
            )
        judged = _judge(run, split, manifest, features, PARTS)
        result = {"head": run.name, "split": run.split, **judged["test"]}
        results.append(result | ({"leak": list(leaks.values())} if leaks else {}))
    if not results:
        raise RunError("nothing to evaluate: the heads were fitted on every video")
    return results


def _leaks(run: Run, split: Split, store: FeatureStore) -> dict[str, str]:
    """What of the test videos was learned from, by whom."""
    fitted_on = store.spec["weights"]["fitted_on"] or ()
    seen = {"the head": run.learned_from, f"the network behind {store.path}": set(fitted_on)}
    return {
        who: f"{who} has learned from {len(set(split.test) & ids)} of {len(split.test)} test videos"
        for who, ids in seen.items()
        if set(split.test) & ids
    }


def _judge(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Mapping[str, Any],
    parts: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Predict the videos of these parts, write them and their metrics into the run's folder."""
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        scores = np.array([manifest.by_id[i].score for i in ids])
        predicted = run.head.predict([features[i] for i in ids])
        metrics[part] = report(scores, predicted)
        rows += [
            {"video_id": i, "part": part, "score": s, "predicted": p}
            for i, s, p in zip(ids, scores.tolist(), predicted.tolist(), strict=True)
        ]
    write_rows(run.folder / PREDICTIONS, rows)
    write_json(run.folder / METRICS_FILE, metrics)
    return metrics


def over_splits(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The plain mean and the standard deviation over splits, for each head with several."""
    rows = []
    for head in dict.fromkeys(result["head"] for result in results):
        own = [result for result in results if result["head"] == head]
        if len(own) < 2:
            continue
        row: dict[str, Any] = {"head": head, "splits": len(own)}
        for metric in METRICS:
            values = [result[metric] for result in own]
            known = None not in values
            row[metric] = float(np.mean(values)) if known else None
            row[f"{metric}_std"] = float(np.std(values, ddof=1)) if known else None
        rows.append(row)
    return rows


def write_results(
    runs: Path,
    splits: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
) -> Path:
    """Write results as JSON and CSV beside the runs; gives the JSON's path."""
    name = "-".join(["eval", *(f"split-{split}" for split in splits)])
    path = runs / f"{name}.json"
    write_json(path, {"results": list(results), "means": list(means)})
    rows = [
        {
            key: value
            for column, cell in result.items()
            for key, value in (
                zip((f"{column}_low", f"{column}_high"), cell or (None, None), strict=True)
                if column.endswith("_interval")
                else [(column, "; ".join(cell) if column == "leak" else cell)]
            )
        }
        for result in results
    ]
    write_rows(path.with_suffix(".csv"), rows)
    return path

"""Heads on splits: fit them, and judge them on videos that nothing of them has learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import EVERYTHING, PARTS, Split
from aqa.errors import AqaError, listed
from aqa.evaluation.baselines import BaselineResult, split_baselines
from aqa.evaluation.evaluate import evaluate_run, save_evaluated
from aqa.evaluation.feedback import evaluate_feedback, explains
from aqa.evaluation.results import results_of
from aqa.features.store import FeatureStore, check_spec
from aqa.models.examples import Features
from aqa.models.runs import (
    FEEDBACK,
    Run,
    RunError,
    load_run,
    write_rows,
)
from aqa.workspace import run_folder


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


def _present(split: Split, manifest: Manifest, store: FeatureStore, skip: bool) -> Split:
    """The split, if the store holds its videos."""
    wanted = [i for part in PARTS for i in split.part(part)]
    missing = [i for i in wanted if i not in store]
    if missing and not skip:
        raise RunError(
            f"{store.path}: {len(missing)} of the {len(wanted)} videos of split {split.name} are "
            f"not in it: {listed(missing)}; run `aqa extract`, or leave them out with "
            "--skip-missing"
        )
    present = split.only(set(store.ids))
    if not present.train:
        raise RunError(f"{manifest.path}: split {split.name} has no training videos")
    return present


class Evaluation(NamedTuple):
    """Results, one a run or a part or group of it, and why other runs could not be evaluated."""

    results: list[dict[str, Any]]
    failed: list[str]


def evaluate_runs(
    folders: Sequence[Path],
    manifest: Manifest,
    store: FeatureStore | None = None,
    *,
    allow_leak: bool = False,
    skip_missing: bool = False,
    feedback: bool = False,
    align: str = "index",
    by: str | None = None,
    baselines: Path | None = None,
) -> Evaluation:
    """Evaluate saved runs on the test videos of their splits.

    One result a run of a head that predicts scores, or one a type or action and their averages
    with `by`, and one a score that the final one is made of; one a stage for a head that tells
    those; one a part for a head that compares pairs: `held-out`, `test`, and `test-train`, a
    test video with a training video. feedback: judge instead which clips are called faulty, for
    the heads that say so; align: see `ALIGNMENTS`. baselines: the folder of runs; predictions
    without pixels are evaluated on the same splits, follow the results, and are kept there.

    store: None takes each run's own. A test video that the head or the backbone has learned from
    is a failure; with `allow_leak` it is counted in the result instead. A run that fails stops
    none of the others; `RunError` where all do.

    Each run's predictions.csv and metrics.json get the test videos beside the others.
    """
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    evaluated_on: dict[str, tuple[Split, FeatureStore]] = {}
    with ExitStack() as stack:
        stores = _Stores(stack, store)
        for folder in folders:
            try:
                run = load_run(folder)
                if run.split == EVERYTHING and EVERYTHING not in manifest.split_names:
                    continue
                opened = stores.of(run)
                split = _tested(run, manifest, opened, skip_missing)
                marks = _marks(run, split, opened, allow_leak)
                if feedback:
                    results += _evaluate_feedback(run, split, manifest, opened, align, marks)
                    continue
                evaluated = evaluate_run(
                    run, split, manifest, stores.features(opened, run, split), PARTS
                )
                if "test" in evaluated[1]:
                    evaluated[1]["test"].update(marks)
                save_evaluated(folder, evaluated)
                named = {"kind": run.head.kind, "head": run.label, "split": run.split}
                results += results_of(named, marks, evaluated, manifest, by)
                if run.head.kind == "scores":
                    evaluated_on.setdefault(run.split, (split, opened))
            except AqaError as error:
                failed.append(str(error))
        if baselines is not None:
            kept = [
                result
                for split, opened in evaluated_on.values()
                for found in split_baselines(split, manifest, opened)
                for result in keep_baseline(found, split, manifest, baselines, by)
            ]
            order = list(dict.fromkeys(result["head"] for result in kept))
            results += sorted(kept, key=lambda result: order.index(result["head"]))
    failed = list(dict.fromkeys(failed))
    if failed and not results:
        raise RunError("\n".join(failed))
    if not results and feedback:
        raise RunError(
            "no fitted head gives feedback: fit `score`, `wd`, `average`, or `lstm` with "
            "-p label=incremental"
        )
    if not results:
        raise RunError("nothing to evaluate: the heads were fitted on every video")
    return Evaluation(results, failed)


class _Stores:
    """The stores that runs were fitted on, each opened once, and what was read of them."""

    def __init__(self, stack: ExitStack, store: FeatureStore | None):
        self._stack, self._given = stack, store
        self._opened: dict[Path, FeatureStore] = {}
        self._read: dict[Path, dict[str, NDArray[np.float32]]] = {}

    def of(self, run: Run) -> FeatureStore:
        """The run's store, or the given one if it was made alike."""
        path = self._given.path if self._given else run.store
        if path not in self._opened:
            opened = self._given or self._stack.enter_context(FeatureStore.open(path))
            self._opened[path], self._read[path] = opened, {}
        check_spec(path, self._opened[path].spec, run.spec)
        return self._opened[path]

    def features(self, store: FeatureStore, run: Run, split: Split) -> Features:
        """The features of a split's videos, and of those that the run was fitted on."""
        read, fitted = self._read[store.path], run.record["split"]
        wanted = [
            *(i for part in PARTS for i in split.part(part)),
            *fitted["train"],
            *fitted["val"],
        ]
        missing = [i for i in dict.fromkeys(wanted) if i not in read and i in store]
        read.update(zip(missing, store.load(missing), strict=True))
        return Features(store, read)


def _as_fitted(run: Run, manifest: Manifest) -> Split:
    """The run's split; training videos that it took for validation are shown as that."""
    split = manifest.split(run.split)
    held = {*run.record["split"]["val"]}
    return replace(
        split,
        train=tuple(i for i in split.train if i not in held),
        val=(*split.val, *(i for i in split.train if i in held)),
    )


def _tested(run: Run, manifest: Manifest, store: FeatureStore, skip_missing: bool) -> Split:
    split = _present(_as_fitted(run, manifest), manifest, store, skip_missing)
    if not split.test:
        raise RunError(
            f"{manifest.path}: split {split.name} has no test videos; "
            "name the splits that have with --split"
        )
    return split


def _marks(run: Run, split: Split, store: FeatureStore, allow_leak: bool) -> dict[str, Any]:
    """What a result must say of the run: what it was told beside pixels, and what leaked."""
    leaks = _leaks(run, split, store)
    if leaks and not allow_leak:
        raise RunError(
            f"{run.folder}: split {split.name}: {'; '.join(leaks.values())}; "
            "its result would mean nothing (--allow-leak shows it, marked)"
        )
    marks = {
        "difficulty": run.known_difficulty,
        "told": run.told,
        "leak": list(leaks.values()),
    }
    return {name: mark for name, mark in marks.items() if mark}


def _evaluate_feedback(
    run: Run,
    split: Split,
    manifest: Manifest,
    store: FeatureStore,
    align: str,
    marks: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One result, if the head gives feedback."""
    if not explains(run.head):
        return []
    found = evaluate_feedback(run.scoring_head(), split.test, manifest, store, align)
    write_rows(run.folder / FEEDBACK, found.rows)
    return [
        {"kind": "feedback", "head": run.label, "split": run.split, **found.metrics, **marks},
    ]


def keep_baseline(
    found: BaselineResult, split: Split, manifest: Manifest, runs: Path, by: str | None = None
) -> list[dict[str, Any]]:
    """Keep what a baseline predicts beside the runs, for `aqa compare`; its results."""
    evaluated = found.rows, {"test": found.metrics}
    save_evaluated(run_folder(runs, found.name, split.name), evaluated)
    named = {"kind": "scores", "head": found.name, "split": split.name}
    return results_of(named, found.marks, evaluated, manifest, by)


def evaluate_baselines(
    manifest: Manifest,
    splits: Sequence[str],
    columns: Sequence[str],
    runs: Path,
    store: FeatureStore | None = None,
    *,
    skip_missing: bool = False,
) -> list[dict[str, Any]]:
    """Results of the predictions without pixels, of each split; see `split_baselines`."""
    results = []
    for split in splits_of(manifest, splits):
        if store is not None:
            split = _present(split, manifest, store, skip_missing)
        for found in split_baselines(split, manifest, store, columns):
            results += keep_baseline(found, split, manifest, runs)
    if not results:
        raise RunError(
            f"{manifest.path}: no column that scores could be predicted from; "
            "it takes difficulty, type or event, with a value for every video"
        )
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

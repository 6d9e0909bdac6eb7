"""Heads on splits: fit them, and judge them on the videos that they have not seen."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.manifest import Manifest
from aqa.features.split import EVERYTHING, PARTS, Split
from aqa.features.store import FeatureStore, check_spec
from aqa.models.baseline import BaselineResult, judge_baselines
from aqa.models.columns import videos_columns
from aqa.models.compare import Comparison
from aqa.models.difficulty import make_head
from aqa.models.feedback import blank_of, explains, judge_feedback
from aqa.models.heads import get_head
from aqa.models.heads.base import (
    BaseHead,
    GivesAttributes,
    GivesParts,
    GivesQuantiles,
    HeadError,
    PairHead,
    StageHead,
    parse_params,
)
from aqa.models.judging import judge_groups, judge_rows, part_rows
from aqa.models.metrics import (
    KINDS,
    QUANTILES,
    report,
    report_attributes,
    report_coverage,
    report_pairs,
    report_stages,
    stage_results,
)
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
from aqa.models.stages import hand_starts
from aqa.models.wrapped import gives
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
    name: str | None = None,
) -> Iterator[Run]:
    """Fit a head on the training videos of each split, one run after the other.

    params: `name=value` texts. skip_missing: leave out videos that the store does not hold,
    which is otherwise an error. start: the folder of a fitted run to start from, or that of a
    head, of which the run of the same split is taken. name: what the runs are called, instead of
    after the head. Each run is saved below `runs` before it is yielded.
    """
    check_layer(head, store)
    values = {"seed": seed, **parse_params(get_head(head), params)}
    starts = {split.name: _start_run(get_head(head), head, start, split.name) for split in splits}
    features = Features.of(store)
    prepared = [_present(split, manifest, store, skip_missing) for split in splits]
    for split in prepared:
        model = make_head(head, values)
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
        if model.takes_blank:
            options["blank"] = blank_of(store)
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
        folder = run_folder(runs, name or head, split.name)
        record = make_record(head, model, split, store, folder, seconds, origin)
        run = save_run(folder, model, record)
        save_judgement(folder, judge_run(run, split, manifest, features, ("train", "val")))
        yield run


@dataclass(frozen=True)
class Features:
    """A store and its videos' features, read once."""

    store: FeatureStore
    arrays: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, store: FeatureStore) -> Features:
        """Read them all."""
        return cls(store, dict(zip(store.ids, store.load(store.ids), strict=True)))


def check_layer(head: str, store: FeatureStore) -> None:
    """Refuse a store that does not hold what the head takes: vectors, maps, or joints."""
    if get_head(head).takes_joints and "joints" not in store.spec:
        raise RunError(
            f"{store.path}: {head} takes joints, not features of {store.spec['backbone']}; make a "
            "store of joints with `aqa extract --backbone pose`, and name it with --store"
        )
    takes, kind = get_head(head).takes, "vectors" if len(store.shape) == 1 else "maps"
    if takes == kind:
        return
    remedy = (
        "extract one that ends in maps, such as c3d's conv5b"
        if takes == "maps"
        else "extract one that ends in vectors"
    )
    raise RunError(
        f"{store.path}: its layer {store.spec['layer']} holds {kind} of shape {store.shape}, "
        f"{head} takes {takes}: {remedy}, with --layer, or fit another --head"
    )


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


def _data(
    ids: Sequence[str],
    manifest: Manifest,
    features: Features,
    columns: Sequence[str],
) -> tuple[list[Any], np.ndarray, dict[str, list[Any]]]:
    """Features, scores and columns of these videos."""
    videos = [manifest.by_id[i] for i in ids]
    scores = np.array([video.score for video in videos])
    clips = [features.store.clips(i) for i in ids] if "clips" in columns else []
    return [features.arrays[i] for i in ids], scores, videos_columns(videos, columns, clips)


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


class Evaluation(NamedTuple):
    """Results, one a run or a part or group of it, and why other runs could not be judged."""

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
    """Judge saved runs on the test videos of their splits.

    One result a run of a head that predicts scores, or one a type or action and their averages
    with `by`, and one a score that the final one is made of; one a stage for a head that tells
    those; one a part for a head that compares pairs: `held-out`, `test`, and `test-train`, a
    test video with a training video. feedback: judge instead which clips are called faulty, for
    the heads that say so; align: see `ALIGNMENTS`. baselines: the folder of runs; predictions
    without pixels are judged on the same splits, follow the results, and are kept there.

    store: None takes each run's own. A test video that the head or the backbone has learned from
    is a failure; with `allow_leak` it is counted in the result instead. A run that fails stops
    none of the others; `RunError` where all do.

    Each run's predictions.csv and metrics.json get the test videos beside the others.
    """
    results: list[dict[str, Any]] = []
    failed: list[str] = []
    judged_on: dict[str, tuple[Split, FeatureStore]] = {}
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
                    results += _judge_feedback(run, split, manifest, opened, align, marks)
                    continue
                judgement = judge_run(
                    run, split, manifest, stores.features(opened, run, split), PARTS
                )
                if "test" in judgement[1]:
                    judgement[1]["test"].update(marks)
                save_judgement(folder, judgement)
                named = {"kind": run.head.kind, "head": run.label, "split": run.split}
                results += _results(named, marks, judgement, manifest, by)
                if run.head.kind == "scores":
                    judged_on.setdefault(run.split, (split, opened))
            except AqaError as error:
                failed.append(str(error))
        if baselines is not None:
            kept = [
                result
                for split, opened in judged_on.values()
                for found in judge_baselines(split, manifest, opened)
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
    marks = {"difficulty": run.known_difficulty, "leak": list(leaks.values())}
    return {name: mark for name, mark in marks.items() if mark}


def _judge_feedback(
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
    found = judge_feedback(run.scoring_head(), split.test, manifest, store, align)
    write_rows(run.folder / FEEDBACK, found.rows)
    return [
        {"kind": "feedback", "head": run.label, "split": run.split, **found.metrics, **marks},
    ]


def _results(
    named: Mapping[str, Any],
    marks: Mapping[str, Any],
    judgement: Judgement,
    manifest: Manifest,
    by: str | None,
) -> list[dict[str, Any]]:
    """What is shown of a judgement: pairs by their part, stages each, scores whole or by group.

    Beside whole scores, as kinds of their own, how often the head's intervals hold the truth and
    how often it names attributes rightly, if it gives either, and the parts it makes them of.
    """
    rows, metrics = judgement
    if named["kind"] == "pairs":
        shown = [{"part": part, **found} for part, found in metrics.items() if part != "train"]
    elif named["kind"] == "stages":
        shown = stage_results(metrics["test"])
    elif by is None:
        whole = dict(metrics["test"])
        parts = whole.pop("parts", {})
        beside = [(kind, whole.pop(kind)) for kind in BESIDE if kind in whole]
        shown = [
            whole,
            *({**found, "kind": kind} for kind, found in beside),
            *({"part": name, **found, "kind": "parts"} for name, found in parts.items()),
        ]
    else:
        shown = judge_groups([row for row in rows if row["part"] == "test"], manifest, by)
    return [{**named, **found, **marks} for found in shown]


def keep_baseline(
    found: BaselineResult, split: Split, manifest: Manifest, runs: Path, by: str | None = None
) -> list[dict[str, Any]]:
    """Keep what a baseline predicts beside the runs, for `aqa compare`; its results."""
    judgement = found.rows, {"test": found.metrics}
    save_judgement(run_folder(runs, found.name, split.name), judgement)
    named = {"kind": "scores", "head": found.name, "split": split.name}
    return _results(named, found.marks, judgement, manifest, by)


def evaluate_baselines(
    manifest: Manifest,
    splits: Sequence[str],
    columns: Sequence[str],
    runs: Path,
    store: FeatureStore | None = None,
    *,
    skip_missing: bool = False,
) -> list[dict[str, Any]]:
    """Results of the predictions without pixels, of each split; see `judge_baselines`."""
    results = []
    for split in splits_of(manifest, splits):
        if store is not None:
            split = _present(split, manifest, store, skip_missing)
        for found in judge_baselines(split, manifest, store, columns):
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


# Kinds of results that stand beside scores, where a head gives more than those.
BESIDE = ("coverage", "attributes")
# Rows of predictions.csv, and part -> metrics.
Judgement = tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]


def judge_run(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Judgement:
    """Judge a head by its kind."""
    try:
        return _JUDGES[run.head.kind](run, split, manifest, features, parts)
    except HeadError as error:
        raise RunError(f"{run.folder} on {manifest.path}: {error}") from None


def save_judgement(folder: Path, judgement: Judgement) -> None:
    """Write answers and their metrics into a run's folder."""
    rows, metrics = judgement
    write_rows(folder / PREDICTIONS, rows)
    write_json(folder / METRICS_FILE, metrics)


def _judge_scores(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Judgement:
    """Predict the videos of these parts."""
    head = run.scoring_head()
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        x, scores, columns = _data(ids, manifest, features, head.answer_columns)
        own = part_rows(part, ids, scores.tolist(), head.predict(x, **columns).tolist())
        metrics[part] = judge_rows(own, manifest)
        if gives(head, GivesQuantiles) and isinstance(head, GivesQuantiles):
            bounds = head.quantiles(x, QUANTILES, **columns)
            metrics[part]["coverage"] = report_coverage(scores, bounds)
            for row, values in zip(own, bounds.tolist(), strict=True):
                row |= {f"quantile_{q:g}": v for q, v in zip(QUANTILES, values, strict=True)}
        if gives(head, GivesAttributes) and isinstance(head, GivesAttributes):
            said = head.attributes(x, **columns)
            true = [manifest.by_id[i].attributes for i in ids]
            if any(said):
                metrics[part]["attributes"] = report_attributes(true, said)
            for row, labels in zip(own, said, strict=True):
                row |= {f"predicted_{name}": label for name, label in labels.items()}
        if isinstance(head, GivesParts):
            videos = [manifest.by_id[i] for i in ids]
            true = head.true_parts(scores, **videos_columns(videos, ("difficulty", "execution")))
            metrics[part]["parts"] = {}
            for name, value in head.parts(x, **columns).items():
                known = np.isfinite(true[name])
                metrics[part]["parts"][name] = report(true[name][known], value[known])
                for row, t, v in zip(own, true[name].tolist(), value.tolist(), strict=True):
                    row |= {name: t, f"predicted_{name}": v}
        rows += own
    return rows, metrics


def _judge_pairs(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
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
    x, scores, columns = _data(ids, manifest, features, head.answer_columns)
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


def _judge_stages(
    run: Run,
    split: Split,
    manifest: Manifest,
    features: Features,
    parts: Sequence[str],
) -> Judgement:
    """Label the frames of the videos of these parts that have hand labels."""
    head = run.head
    assert isinstance(head, StageHead)
    rows, metrics = [], {}
    for part in parts:
        ids = split.part(part)
        if not ids:
            continue
        x, _, columns = _data(ids, manifest, features, ("clips", "stages"))
        n_frames = [features.store.n_frames(i) for i in ids]
        true = hand_starts(columns["stages"], head.stages, ids)
        found = head.starts(x, clips=columns["clips"], n_frames=n_frames)
        metrics[part] = report_stages(head.stages, true, found, n_frames)
        rows += [
            {"video_id": i, "part": part, "stage": name, "start": int(t), "predicted": int(p)}
            for i, *starts in zip(ids, true, found, strict=True)
            for name, t, p in zip(head.stages, *starts, strict=True)
        ]
    return rows, metrics


_JUDGES = {"scores": _judge_scores, "pairs": _judge_pairs, "stages": _judge_stages}


def over_splits(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The plain mean and the standard deviation over splits, for each head with several."""
    rows = []
    for source in dict.fromkeys(map(_source, results)):
        own = [result for result in results if _source(result) == source]
        if len(own) < 2:
            continue
        row: dict[str, Any] = {"kind": own[0]["kind"], "head": own[0]["head"], "splits": len(own)}
        row |= {key: own[0][key] for key in _ALIKE if key in own[0]}
        for metric in KINDS[row["kind"]]:
            if metric not in own[0]:
                continue
            values = [result[metric] for result in own]
            known = None not in values
            row[metric] = float(np.mean(values)) if known else None
            row[f"{metric}_std"] = float(np.std(values, ddof=1)) if known else None
        leaky = sum("leak" in result for result in own)
        row |= {"leak": [f"{leaky} of {len(own)} splits"]} if leaky else {}
        rows.append(row)
    return rows


# Beside kind and head, what results that are averaged over splits have in common.
_ALIKE = ("part", "by", "group", "difficulty")


def _source(result: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(result.get(key) for key in ("kind", "head", *_ALIKE))


def write_results(
    runs: Path,
    heads: Sequence[str],
    splits: Sequence[str],
    results: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
    failed: Sequence[str] = (),
) -> Path:
    """Write results as JSON, and each kind of them as CSV, beside the runs; gives the JSON's path.

    The results of pairs and of feedback have tables of their own: eval-pairs, eval-feedback; so
    have those by type or action: eval-by-type. heads, splits: those that were asked for, which
    the files are named after.
    """
    groupings = {str(result["by"]) for result in results if "by" in result}
    suffix = "".join(f"-by-{by}" for by in groupings) + _suffix(heads, splits)
    of_feedback = any(result["kind"] == "feedback" for result in results)
    path = runs / f"eval{'-feedback' if of_feedback else ''}{suffix}.json"
    write_json(path, {"results": list(results), "means": list(means), "failed": list(failed)})
    kinds = sorted(results, key=lambda result: str(result["kind"]))
    for kind, own in groupby(kinds, key=lambda result: str(result["kind"])):
        name = "eval" if kind == "scores" else f"eval-{kind}"
        write_rows(runs / f"{name}{suffix}.csv", [flat(result) for result in own])
    return path


def write_comparison(
    runs: Path, heads: Sequence[str], splits: Sequence[str], found: Comparison
) -> Path:
    """Write a comparison as JSON, and its pairs as CSV, beside the runs; gives the JSON's path."""
    metric = "" if found.metric == "spearman" else f"-{found.metric}"
    path = runs / f"compare{metric}{_suffix(heads, splits)}.json"
    write_json(path, found.to_dict())
    write_rows(path.with_suffix(".csv"), [flat(pair._asdict()) for pair in found.pairs])
    return path


def _suffix(heads: Sequence[str], splits: Sequence[str]) -> str:
    return "".join([*(f"-{head}" for head in heads), *(f"-split-{split}" for split in splits)])


def flat(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result as a row: an interval in two columns, a list in one."""
    row: dict[str, Any] = {}
    for column, cell in result.items():
        if column.endswith("interval"):
            row[f"{column}_low"], row[f"{column}_high"] = cell or (None, None)
        else:
            row[column] = "; ".join(cell) if isinstance(cell, list) else cell
    return row

"""Fit a head on the training videos of each split, and evaluate those and the validation videos."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import save_evaluated
from aqa.evaluation.run_stores import stored_split
from aqa.features.store import FeatureStore, check_spec
from aqa.features.video_features import blank_of
from aqa.models.difficulty import make_head
from aqa.models.examples import Features, inputs_of
from aqa.models.heads import get_head
from aqa.models.heads.base import (
    BaseHead,
    HeadError,
    parse_params,
)
from aqa.models.runs import (
    Run,
    RunError,
    load_start,
    make_record,
    save_run,
)
from aqa.workspace import run_folder


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
    prepared = [stored_split(split, manifest, store, skip_missing) for split in splits]
    for split in prepared:
        model = make_head(head, values)
        columns = model.columns
        x, y, named = inputs_of(split.train, manifest, features, columns)
        options: dict[str, Any] = dict(named)
        if split.val:
            val = inputs_of(split.val, manifest, features, columns)
            options["validation"] = val if columns else val[:2]
        if model.also_shown:
            more = [i for part in model.also_shown for i in split.part(part)]
            options["others"] = inputs_of(more, manifest, features, columns)
        if model.takes_views:
            options["views"] = [
                store.augmented(name).load(split.train) for name in store.augmentations[1:]
            ]
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
        save_evaluated(folder, evaluate_run(run, split, manifest, features, ("train", "val")))
        yield run


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
    run = load_start(start, split)
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

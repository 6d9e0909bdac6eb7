"""Fit a head on the training videos of each split, then evaluate these and validation videos."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from sklearn.base import clone

from aqa.annotations.folds import draw_folds
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import VideoGroups, video_groups
from aqa.errors import AqaWarning, HeadUsageError, WrongUsageError
from aqa.evaluation.complete_splits import check_scored, complete_split, learned_scores
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import Evaluated, save_evaluated
from aqa.evaluation.ranking import evaluate_held_out
from aqa.evaluation.run_stores import stored_split
from aqa.features.store import FeatureStore, check_spec
from aqa.files import write_rows
from aqa.models.examples import Examples, Features, examples_of
from aqa.models.heads import find_head, own_names
from aqa.models.heads.base import Head, HeadError, fit_options
from aqa.models.heads.base.source import HeadSource
from aqa.models.run_source import RunError, attribute_of, is_of, other_file
from aqa.models.runs import HELD_OUT, Run, load_start, make_record, save_run
from aqa.models.target_transforms import check_target, parse_head_params, transformed
from aqa.models.training.callback import TrainingCallback
from aqa.models.trust.score_range import LEAST_ERRORS
from aqa.target_names import seed_label, target_label
from aqa.workflows.classes import check_classes, class_params, class_rule, first_rule
from aqa.workflows.clip_reference import Refit, Unseen, clip_reference
from aqa.workflows.fit_watching import told_run
from aqa.workflows.held_out import held_out_record, warn_of_shared
from aqa.workflows.pairs import pair_params, ranked_parts
from aqa.workflows.trust import (
    ENOUGH_HELD_OUT,
    FOLDS,
    known_to_network,
    likeness_of,
    score_range,
)
from aqa.workspace import check_label, run_folder


def fit_splits(
    head: str,
    params: Sequence[str],
    manifest: Manifest,
    store: FeatureStore,
    splits: Sequence[Split],
    runs: Path,
    *,
    seed: int | None = None,
    skip_missing: bool = False,
    skip_incomplete: bool = False,
    start: Path | None = None,
    name: str | None = None,
    ranges: bool = True,
    name_seed: bool = False,
    search: Mapping[str, Any] | None = None,
    callbacks: Sequence[TrainingCallback] = (),
) -> Iterator[Run]:
    """Fit a head on the training videos of each split, one run after the other.

    head: its name, or `path/to/file.py[:Class]`. params: `name=value` texts. manifest: seen with
    what the head is to predict, see `Manifest.of_target`. seed: of every random choice; None takes
    that of `params`, or 0. skip_missing: leave out videos that the store does not hold, which is
    otherwise an error. skip_incomplete: leave out training and validation videos that lack the
    target, or a label that the head learns from; the record's `left_out` says which. start: the
    folder of a fitted run to start from, or that of a head, of which the run of the same split is
    taken. name: what the runs are called, instead of after the head. ranges: fit three more times,
    to learn how far scores are off, see `aqa.workflows.trust`. name_seed: call the runs after their
    seed too, such as lstm~seed2. search: what was tried before these hyper-parameters were chosen,
    which the record keeps. callbacks: told of each run as it is fitted, see `TrainingCallback`.
    Each run is saved below `runs` before it is yielded.
    """
    source = find_head(head)
    label = run_label(source, name, manifest.target, (seed or 0) if name_seed else None)
    _check_same_code(source, [run_folder(runs, label, split.name) for split in splits])
    check_layer(source, store)
    values = head_values(source, params, seed, manifest, store)
    starts = {
        split.name: _start_run(source, start, split.name, manifest.target) for split in splits
    }
    features = Features.of(store)
    for split in [stored_split(split, manifest, store, skip_missing) for split in splits]:
        model, origin = transformed(source.head_class, values), starts[split.name]
        if origin is not None:
            check_features(origin, store)
        left_out: Mapping[str, str] = {}
        check_target(model, manifest, None if origin is None else origin.head)
        if skip_incomplete:
            split, left_out = complete_split(
                model, split, manifest, None if origin is None else origin.head
            )
        if learned_scores(model, manifest):
            check_scored(split, manifest)
        groups = video_groups(split, manifest)
        warn_of_shared(groups, split)
        known = known_to_network(split, store)
        if known:
            line = (
                f"split {split.name}: {known}, whose features tell more than a new video's; what "
                "is chosen or measured by leaving such videos out looks too good, so no range of "
                "scores is learned. Take features of a network that has not seen these videos"
            )
            warnings.warn(line, AqaWarning, stacklevel=2)
        check_classes(model, split, manifest)
        folder = run_folder(runs, label, split.name)
        with told_run(folder, model.params, callbacks) as told:
            started = time.perf_counter()
            try:
                with told.training():
                    fit_head(model, split, manifest, features, origin, groups)
            except HeadUsageError:
                raise
            except HeadError as error:
                raise RunError(
                    f"{head} on split {split.name} of {manifest.path}: {error}"
                ) from None
            seconds = time.perf_counter() - started
            record = make_record(source, model, split, store, folder, seconds, manifest, origin)
            record["left_out"] = dict(left_out)
            record["held_out"] = held_out_record(model, split, manifest, groups)
            if search is not None:
                record["search"] = dict(search)
            refit = _remembered(partial(_refit, model, split, manifest, features, origin, groups))
            found: Evaluated = {}
            held: Evaluated = {}
            alike: bytes | None = None
            try:
                if manifest.classes is not None and model.kind == "scores":
                    record["classes"] = first_rule(model, manifest.classes).to_dict()
                    record["classes"] = class_rule(
                        model, split, manifest, features, refit
                    ).to_dict()
                run = Run(folder, model, record)
                found = evaluate_run(run, split, manifest, features, ("train", "val"))
                told.measured({part: one.whole.values for part, one in found.items()})
                held = _held_out(run, split, manifest, features)
                unseen = _unseen(model, split)
                thirds = draw_folds(split, manifest, FOLDS, model.seed)
                reference = clip_reference(
                    model, split.train, manifest, store, refit, unseen, ranges, thirds
                )
                if reference is not None:
                    record["clip_reference"] = reference.to_dict()
                why_none = known if ranges else "it was fitted with --no-ranges"
                if why_none:
                    record["no_range"] = why_none
                elif model.kind == "scores" and _in_points(manifest):
                    seen = held or {part: found[part] for part in found if part == "val"}
                    learned = score_range(thirds, manifest, features, seen, refit)
                    if learned is not None:
                        record["range"] = learned.to_dict()
                    elif len(split.train) >= LEAST_ERRORS:
                        record["no_range"] = "the head cannot be fitted on two thirds of the videos"
                alike = likeness_of(split.train, features, model.seed, groups)
            finally:  # what was learned is kept, whatever comes between
                record["seconds_in_all"] = round(time.perf_counter() - started, 3)
                run = save_run(folder, model, record, partial(_save, found=found, held=held), alike)
        yield run


def _in_points(manifest: Manifest) -> bool:
    """Whether heads predict points, and neither a rank nor one of two classes."""
    return manifest.pairs is None and manifest.classes is None


def run_label(source: HeadSource, name: str | None, target: str, seed: int | None = None) -> str:
    """The name of the folder of a head's runs. name: what they are called; None: as the head.

    seed: of those that are called after it.
    """
    label = name or source.name
    check_label(label)
    if source.origin is not None and label in own_names():
        raise RunError(
            f"{source.text}: its runs would lie among those of aqa's head {label}; rename the "
            "file, or call the runs something else with --name"
        )
    return target_label(label if seed is None else seed_label(label, seed), target)


def _held_out(run: Run, split: Split, manifest: Manifest, features: Features) -> Evaluated:
    """Answers for the training videos that fitting held out, of the head that had not seen them.

    Of a head that compares pairs, or learned who is better: for the pairs that hold one of them.
    """
    if run.kind == "ranking":
        return evaluate_held_out(run, split, manifest, features)
    out = tuple(split.train[i] for i in run.head.held_out)
    if run.head.kind not in ("scores", "pairs") or not out:
        return {}
    before = replace(run, head=run.head.before_refit())
    if run.head.kind == "pairs":
        found = evaluate_run(before, Split(split.name, (), ()), manifest, features, ())
        return {part: found[part] for part in found if part == "held-out"}
    return evaluate_run(before, Split(split.name, (), out), manifest, features, ("val",))


def _unseen(model: Head, split: Split) -> Unseen | None:
    """Videos that the head has not learned from, where they are enough to do without folds."""
    out = [split.train[i] for i in model.held_out]
    if len(out) >= ENOUGH_HELD_OUT:
        kept = set(out)
        return Unseen(model.before_refit(), [i for i in split.train if i not in kept], out)
    return Unseen(model, split.train, split.val) if len(split.val) >= ENOUGH_HELD_OUT else None


def _save(folder: Path, found: Evaluated, held: Evaluated) -> None:
    """Write what was answered into the folder of a run."""
    save_evaluated(folder, found)
    if held:
        write_rows(folder / HELD_OUT, [row for part in held.values() for row in part.rows])


def _check_same_code(source: HeadSource, folders: Sequence[Path]) -> None:
    """Refuse to replace runs of another class or file, which are called alike."""
    for folder in folders:
        other = other_file(folder, source)
        if other is not None:
            raise RunError(
                f"{folder} holds a run of another file, {other}; call those of {source.text} "
                "something else with --name"
            )
        if not is_of(folder, source):
            raise RunError(
                f"{folder} holds a run of {attribute_of(folder)} of that file; call those of "
                f"{source.attribute} something else with --name"
            )


def head_params(source: HeadSource, params: Sequence[str], seed: int | None) -> dict[str, object]:
    """Hyper-parameters of `name=value` texts, with the seed; `HeadError` where both say one."""
    values = parse_head_params(source.name, source.head_class, params)
    if seed is not None and "seed" in values:
        raise HeadUsageError(
            f"--seed {seed} and -p seed={values['seed']} say the same thing; leave one out"
        )
    return {"seed": 0 if seed is None else seed, **values}


def head_values(
    source: HeadSource,
    params: Sequence[str],
    seed: int | None,
    manifest: Manifest,
    store: FeatureStore,
) -> dict[str, object]:
    """All hyper-parameters that a head is made with, also those that the data tell."""
    values = joint_params(source, store, head_params(source, params, seed))
    return pair_params(source, class_params(source, values, manifest.classes), manifest)


def joint_params(
    source: HeadSource, store: FeatureStore, values: dict[str, object]
) -> dict[str, object]:
    """Hyper-parameters with how many coordinates each joint of the store has."""
    has = store.spec.get("coordinates", 2)
    if not source.head_class.takes_joints or has == 2 == values.get("coordinates", 2):
        return values
    if "coordinates" not in {field.name for field in fields(source.head_class)}:
        raise RunError(f"{store.path}: x, y, z of each joint; {source.name} takes x and y")
    if values.get("coordinates", has) != has:
        raise RunError(
            f"{store.path}: {has} coordinates of each joint, not {values['coordinates']}; "
            "leave out -p coordinates"
        )
    return {**values, "coordinates": has}


def fit_head(
    model: Head,
    split: Split,
    manifest: Manifest,
    features: Features,
    start: Run | None = None,
    groups: VideoGroups | None = None,
) -> None:
    """Fit on a split's training videos, with all that the head takes.

    groups: which of them are held out together; None: those of `video_groups`.
    """
    together = (groups or video_groups(split, manifest)).of(split.train)
    if manifest.pairs is not None:
        train, validation = ranked_parts(model, split, manifest, features)
        train = replace(train, groups=together)
        options = fit_options(start=None if start is None else start.head)
        model.fit_examples(train, validation, **options)
        return

    def read(ids: Sequence[str]) -> Examples:
        return examples_of(ids, manifest, features, model.columns)

    train = examples_of(
        split.train,
        manifest,
        features,
        model.columns,
        views=model.takes_views,
        blank=model.takes_blank,
    )
    train = replace(train, groups=together)
    shown = [video_id for part in model.also_shown for video_id in split.part(part)]
    options = fit_options(
        others=read(shown) if model.also_shown else None,
        start=None if start is None else start.head,
    )
    model.fit_examples(train, read(split.val) if split.val else None, **options)


def _refit(
    model: Head,
    split: Split,
    manifest: Manifest,
    features: Features,
    start: Run | None,
    groups: VideoGroups,
    ids: Sequence[str],
) -> Head:
    """The same head, fitted on some of the split's training videos."""
    fresh = clone(model)
    fit_head(fresh, Split(split.name, tuple(ids)), manifest, features, start, groups)
    return fresh


def _remembered(refit: Refit) -> Refit:
    """The same, but each set of videos is fitted on once."""
    fitted: dict[tuple[str, ...], Head] = {}

    def remembered(ids: Sequence[str]) -> Head:
        key = tuple(ids)
        if key not in fitted:
            fitted[key] = refit(ids)
        return fitted[key]

    return remembered


def check_layer(source: HeadSource, store: FeatureStore) -> None:
    """Refuse a store that does not hold what the head takes: vectors, maps, or joints."""
    if source.head_class.takes_joints and "joints" not in store.spec:
        raise RunError(
            f"{store.path}: {source.name} takes joints, not features of {store.spec['backbone']}; "
            "make a store of joints with `aqa extract --backbone pose`, and name it with --store"
        )
    takes, held = source.head_class.takes, "vectors" if len(store.shape) == 1 else "maps"
    if takes == held:
        return
    remedy = (
        "extract one that ends in maps, such as c3d's conv5b"
        if takes == "maps"
        else "extract one that ends in vectors"
    )
    raise RunError(
        f"{store.path}: its layer {store.spec['layer']} holds {held} of shape {store.shape}, "
        f"{source.name} takes {takes}: {remedy}, with --layer, or fit another --head"
    )


def _start_run(source: HeadSource, start: Path | None, split: str, target: str) -> Run | None:
    """The run that a head starts from, if it can start from one.

    What counts as similar is told by one target: a metric of another is refused.
    """
    if start is None:
        return None
    wanted = source.head_class.starts_from
    if wanted is None:
        raise WrongUsageError(f"{source.name} cannot start from a fitted run; leave out --from")
    run = load_start(start, split, (source.text,), target)
    if run.head.kind == "pairs" and run.target != target:
        raise RunError(
            f"{run.folder}: it compares videos by {run.target}; fit {wanted} with "
            f"--target {target} first"
        )
    if run.name != wanted:
        raise RunError(f"{run.folder}: {source.name} starts from {wanted}, not from {run.name}")
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

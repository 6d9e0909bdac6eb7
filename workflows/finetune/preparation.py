"""What is settled before a training begins: its start, its head, its videos for validation."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import warnings
from dataclasses import replace
from typing import Any

from aqa.annotations.splits import Split
from aqa.annotations.video_groups import video_groups
from aqa.errors import AqaWarning, HeadUsageError
from aqa.extract.run import make_spec
from aqa.features.clips import ClipRule
from aqa.features.store import Spec, spec_differences
from aqa.files import sha256_of
from aqa.models.heads.base import Head, HeadError, check_params, fit_options
from aqa.models.run_source import RunError
from aqa.models.runs import MODEL, Run, load_start
from aqa.models.target_transforms import TransformedHead, parse_head_params, transformed
from aqa.workflows.finetune.heads import adapter_of, trainable_head
from aqa.workflows.finetune.plan import FinetunePlan
from aqa.workflows.held_out import warn_of_shared

# Of a store's spec: what does not bear on whether a head fits the features.
_FREE = ("dtype", "precision", "engine", "views", "view_seed")


def start_run(plan: FinetunePlan, split: Split) -> Run | None:
    """The fitted run to start from; `RunError` where it is of another head or other features."""
    if plan.start is None:
        return None
    head = trainable_head(plan.head)
    run = load_start(plan.start, split.name, (plan.head,), plan.manifest.target)
    if run.name == head.head_class.starts_from and run.name != head.name:
        raise RunError(
            f"{run.folder}: {run.name} was fitted on features of the backbone as it was, which "
            f"training changes; {head.name} learns from hand labels and fits a {run.name} of its "
            "own on the trained backbone: leave out --from"
        )
    if run.name != head.name:
        raise RunError(f"{run.folder}: a run of {run.name}, which {head.name} cannot start from")
    if plan.params:
        raise HeadUsageError(
            f"-p {' '.join(plan.params)}: a head from {run.folder} keeps its parameters; leave out "
            "-p, or --from"
        )
    want = make_spec(plan.backbone, plan.rule, plan.shape)
    differences = spec_differences(_binding(run.spec), _binding(want))
    if differences:
        raise RunError(
            f"{run.folder} was fitted on other features: {'; '.join(differences)}; give the same "
            "backbone, weights and clips that they were extracted with, or leave out --from"
        )
    return run


def _binding(spec: Spec) -> Spec:
    return {key: value for key, value in spec.items() if key not in _FREE}


def prepared_head(plan: FinetunePlan, start: Run | None) -> Head:
    """The head to train; those of its parameters that the settings state take their values."""
    source, settings = trainable_head(plan.head), plan.settings
    stated = {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "lr": settings.lr_head,
        "lr_halve_every": None,
        "weight_decay": 0.0,
        "clip_gradient": None,
        "patience": settings.epochs,
        **_left_out(source.head_class),
    }
    values = {"seed": settings.seed} | parse_head_params(
        source.name, source.head_class, plan.params
    )
    refused = [name for name in values if name in stated]
    if refused:
        raise HeadUsageError(
            f"-p {', '.join(refused)}: `aqa finetune` has options for this; see --epochs, "
            "--batch-size, --lr-head and --weight-decay. average_weights it does without"
        )
    head = copy.deepcopy(start.head) if start else transformed(source.head_class, values)
    if isinstance(head, TransformedHead):
        raise HeadUsageError(
            f"{start.folder if start else plan.head}: end to end, a head is told nothing beside "
            "pixels; leave out -p difficulty and -p scale"
        )
    head.set_params(**stated)
    check_params(head)
    return head


def _left_out(head: type[Head]) -> dict[str, float | None]:
    """What training end to end does without, where a head has it.

    The penalty in points, since `--weight-decay` is it; averaged weights.
    """
    known = {field.name for field in dataclasses.fields(head)}
    values: dict[str, float | None] = {"beta": 0.0, "average_weights": None}
    return {name: value for name, value in values.items() if name in known}


def with_validation(plan: FinetunePlan, split: Split, head: Head, start: Run | None) -> Split:
    """The split with validation videos: its own, or training videos held out by the head's seed.

    A head that starts from a fitted run keeps the videos that the run held out; without `refit` it
    has not learned from them.
    """
    if split.val:
        return split
    if start:
        held = set(start.record["split"]["val"] or held_out_by(start))
    else:
        groups = video_groups(split, plan.manifest)
        warn_of_shared(groups, split)
        options = fit_options(groups=groups.of(split.train))
        numbers = adapter_of(head).held_out(len(split.train), **options)
        held = {split.train[i] for i in numbers}
    train = tuple(i for i in split.train if i not in held)
    val = tuple(i for i in split.train if i in held)
    if not train or not val:
        raise RunError(
            f"{plan.manifest.path}: split {split.name}: {len(train)} training videos and "
            f"{len(val)} for validation, by which the epoch is chosen; mark videos as val in "
            f"split_{split.name}, or hold out a share of the training videos, -p validation=0.15"
        )
    return replace(split, train=train, val=val)


def held_out_by(run: Run) -> set[str]:
    """The training videos that a fitted run's head was stopped by."""
    kept = run.record.get("held_out")
    if kept is not None:
        return set(kept["videos"])
    ids = run.record["split"]["train"]  # of before: drawn by the seed alone
    return {ids[i] for i in adapter_of(run.head).held_out(len(ids))}


def check_columns(plan: FinetunePlan, split: Split, head: Head, start: Run | None) -> None:
    """Refuse a video that lacks what the head learns from, before any video is decoded."""
    adapter = adapter_of(head)
    for part in plan.parts:
        ids = split.part(part)
        videos = plan.scored(ids)
        try:
            if part == "train" and start is None:
                adapter.learn_scores(videos.scores, videos.columns)
            adapter.check_columns(videos.scores, ids, videos.columns)
        except HeadUsageError:
            raise
        except HeadError as error:
            raise RunError(
                f"{plan.head} on {part} videos of split {split.name} of "
                f"{plan.manifest.path}: {error}"
            ) from None


def settings_record(
    plan: FinetunePlan, split: Split, head: Head, start: Run | None
) -> dict[str, Any]:
    """All that the training depends on, as JSON; a run keeps it as `finetuned`."""
    videos = {part: plan.videos(split.part(part)) for part in plan.parts}
    rows = [
        [part, video.id, video.score, video.start_frame, video.end_frame]
        + [getattr(video, name) for name in plan.columns]
        for part, videos_of_part in videos.items()
        for video in videos_of_part
    ]
    recorded, source = plan.settings.record(), trainable_head(plan.head)
    settings = {
        "head": source.name,
        "params": head.params,
        "from": sha256_of(start.folder / MODEL) if start else None,
        "backbone": plan.backbone.name,
        "weights": plan.backbone.weights.sha256,
        "layer": plan.backbone.layer,
        "preprocess": plan.backbone.preprocess.to_dict(),
        "clips": _rule_record(plan.rule),
        "recipe": recorded["recipe"],
        "augment": recorded["augment"],
        "videos": {part: len(videos_of_part) for part, videos_of_part in videos.items()},
        "scores": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
    }
    for name, origin in (("head", source.origin), ("backbone", plan.backbone.origin)):
        if origin is not None:
            settings[f"{name}_source"] = origin.sha256
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _rule_record(rule: ClipRule) -> dict[str, Any]:
    """How videos are cut, under the names that earlier versions recorded."""
    names = {"video_length": "frames"}
    later = {
        "end_shift": 0,
        "spread": False,
        "window": None,
        "cuts": "ignore",
    }  # what they did not know, and how they cut
    return {
        names.get(name, name): value
        for name, value in dataclasses.asdict(rule).items()
        if name not in later or value != later[name]
    }


def warn_of_leaks(plan: FinetunePlan, split: Split, head: Head, start: Run | None) -> None:
    """Warn, before hours of training, of what its result would be refused for or look better by."""
    before = set(plan.backbone.weights.fitted_on or ())
    fitted = set(start.record["split"]["train"]) if start else set()
    held = set(start.record["split"]["val"]) if start else set()
    if start and not held and not getattr(start.head, "refit", False):
        held = held_out_by(start)
    for part, learned in (("test", before | fitted | held), ("validation", before | fitted - held)):
        ids = split.test if part == "test" else split.val
        known = len(set(ids) & learned)
        if known:
            warnings.warn(
                f"split {split.name}: what training starts from has learned from {known} of "
                f"{len(ids)} {part} videos",
                AqaWarning,
                stacklevel=2,
            )

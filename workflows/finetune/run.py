"""Both stages trained together: videos in; a fine-tuned backbone, its features and its head out."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import PARTS, Split
from aqa.errors import AqaWarning, listed
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import save_evaluated
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone, ClipNet
from aqa.extract.backbones.load import save_tuned
from aqa.extract.checkpoints.state_files import sha256_of
from aqa.extract.clips_dataset import ClipVideos, EpochAugmentation
from aqa.extract.inference import tune_malloc
from aqa.extract.progress import ExtractionProgress
from aqa.extract.run import extract, make_spec
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore, Spec, spec_differences
from aqa.models.examples import Features, inputs_of, videos_columns
from aqa.models.heads import find_head
from aqa.models.heads.base import HeadError, check_params, part_of
from aqa.models.heads.base.joint import JointHead
from aqa.models.run_source import RunError
from aqa.models.runs import (
    METRICS_FILE,
    MODEL,
    RECORD,
    Run,
    load_run,
    load_start,
    make_record,
    write_run,
)
from aqa.models.target_transforms import TransformedHead, parse_head_params, transformed
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.settings import Recipe
from aqa.workflows.finetune.states import TrainingState, TrainingStates, check_settings
from aqa.workflows.finetune.trainer import (
    FineTuner,
    Progress,
    Scored,
    chosen_epochs,
    clip_features,
    trainable_head,
)
from aqa.workspace import run_folder

BACKBONE, FEATURES, STATES = "backbone.safetensors", "features.h5", "training"
# What the runs of one training are called, behind `<head>-finetuned`.
SUFFIXES = {"chosen": "", "last": "-last", "best-on-test": "-best-on-test"}
# What of a store's spec does not tell whether a head fits its features.
_FREE = ("dtype", "precision", "views", "view_seed")


@dataclass(frozen=True)
class Plan:
    """What is trained, on what, and how.

    head, params: the head and its hyper-parameters, as `name=value`. backbone, rule: what the
    videos go through. start: the folder of a fitted run of the head to start from, or that of a
    head, of which the run of the same split is taken; None begins with an untrained head.
    workers: videos decoded ahead. cache: bytes of decoded videos of a part to keep.
    skip_missing: leave out training videos that cannot be read, which is otherwise an error.
    test: choose an epoch by the test videos as well. restart: forget what was trained before.
    """

    head: str
    params: Sequence[str]
    manifest: Manifest
    backbone: Backbone
    rule: ClipRule
    runs: Path
    recipe: Recipe
    augment: EpochAugmentation
    start: Path | None = None
    workers: int = 1
    cache: int = 0
    skip_missing: bool = False
    test: bool = False
    restart: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a clip's feature."""
        return self.backbone.shape_for(self.rule.length)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the manifest, that the head learns from."""
        return tuple(name for name in trainable_head(self.head).columns if name != "clips")

    def folder(self, split: Split, result: str = "chosen") -> Path:
        """Where the run of this result lies."""
        return run_folder(self.runs, f"{self.head}-finetuned{SUFFIXES[result]}", split.name)

    def videos(self, ids: Sequence[str]) -> list[Video]:
        """The videos of these ids."""
        return [self.manifest.by_id[i] for i in ids]

    def scored(self, ids: Sequence[str]) -> Scored:
        """Videos to train on or to evaluate by."""
        videos = self.videos(ids)
        scores = np.array([video.score for video in videos])
        return Scored(self.clips(videos), scores, videos_columns(videos, self.columns))

    def clips(self, videos: Sequence[Video]) -> ClipVideos:
        """Their clips."""
        preprocess = self.backbone.preprocess
        return ClipVideos(videos, preprocess, self.rule, self.augment, self.workers, self.cache)


@dataclass(frozen=True)
class Finetuned:
    """The runs of one split, by what their epoch is called: `chosen`, `last`, `best-on-test`.

    reused: they were there already. failed: (id, reason) of test videos without features.
    """

    runs: Mapping[str, Run]
    reused: bool = False
    failed: Sequence[tuple[str, str]] = ()

    def metrics(self, result: str) -> dict[str, Any]:
        """The metrics of a run, part -> name -> value."""
        path = self.runs[result].folder / METRICS_FILE
        metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return metrics


def finetune(
    plan: Plan,
    splits: Sequence[Split],
    group: ProcessGroup,
    progress: Callable[[Split], Progress] | None = None,
    extraction: ExtractionProgress | None = None,
) -> Iterator[Finetuned]:
    """Train a backbone and a head on the training videos of each split, one after the other.

    Each split leaves a run of its chosen and one of its last epoch: the head, the fine-tuned
    backbone and the features it gives of all the split's videos. The test videos' scores are not
    read but with `plan.test`. A training that was killed goes on after its last whole epoch; a
    finished one of the same settings is reused. Of a group, the first process writes and yields.
    """
    takes = trainable_head(plan.head).takes
    gives = "vectors" if len(plan.shape) == 1 else "maps"
    if takes != gives:
        raise RunError(
            f"layer {plan.backbone.layer} of {plan.backbone.name} gives {gives}, {plan.head} takes "
            f"{takes}; name another with --layer, or another --head"
        )
    untested = [split.name for split in splits if plan.test and not split.test]
    if untested:
        raise RunError(f"split {listed(untested)} has no test videos to choose an epoch by")
    prepared = [_Training(plan, split) for split in splits]
    for training in prepared:
        done = training.run(group, progress, extraction)
        if group.first:
            assert done is not None
            yield done


class _Training:
    """One split's."""

    def __init__(self, plan: Plan, split: Split):
        self.plan = plan
        self.start = _start_run(plan, split) if plan.start else None
        self.head = _head_of(plan, self.start)
        self.split = _with_validation(plan, split, self.head, self.start)
        self._check_columns()
        self.settings = _settings(plan, self.split, self.head, self.start)
        self.states = TrainingStates(plan.folder(split) / STATES, self.settings)
        _warn_of_leaks(plan, self.split, self.start)

    def run(
        self,
        group: ProcessGroup,
        progress: Callable[[Split], Progress] | None,
        extraction: ExtractionProgress | None,
    ) -> Finetuned | None:
        """Train, or go on, or find it done; None in all but the first process."""
        plan = self.plan
        finished, state = group.from_first(self._found() if group.first else (False, None))
        if finished:
            return self._reused() if group.first else None
        told = progress(self.split) if progress and group.first else Progress()
        notes = state.notes if state else self._check(group, told)
        self.split = self.split.only(set(plan.manifest.ids) - set(notes["left_out"]))
        if group.device.type == "cpu":
            tune_malloc()
        self.head.set_params(device=str(group.device))
        net, train = ClipNet(plan.backbone), plan.scored(self.split.train)
        if state is not None:
            self.head.restore(_arrays(state))
        elif self.start is not None:
            self.head.restore(self.start.head.state())
        else:
            features, columns = clip_features(net, self.head, train, plan.recipe, group)
            self.head.begin(features, train.scores, **columns)
        with self.states.locked() if group.first else nullcontext():
            return self._train(net, train, state, notes, told, group, extraction)

    def _train(
        self,
        net: ClipNet,
        train: Scored,
        state: TrainingState | None,
        notes: Mapping[str, Any],
        progress: Progress,
        group: ProcessGroup,
        extraction: ExtractionProgress | None,
    ) -> Finetuned | None:
        plan = self.plan
        if plan.restart and group.first:
            self._forget()
        last = FineTuner(net, self.head, plan.recipe, group).fit(
            train,
            plan.scored(self.split.val),
            self.states,
            state,
            notes,
            test=plan.scored(self.split.test) if plan.test else None,
            progress=progress,
        )
        return self._finish(last, group, extraction) if group.first else None

    def _found(self) -> tuple[bool, TrainingState | None]:
        """Whether the training is done; if not, where it stands."""
        if self.plan.restart:
            return False, None
        record = self.plan.folder(self.split) / RECORD
        if not record.exists():
            return False, self.states.newest()
        check_settings(record, load_run(record.parent).record["finetuned"], self.settings)
        self.states.clear()
        return True, None

    def _reused(self) -> Finetuned:
        folders = {result: self.plan.folder(self.split, result) for result in SUFFIXES}
        runs = {name: load_run(f) for name, f in folders.items() if (f / RECORD).exists()}
        return Finetuned(runs, reused=True)

    def _forget(self) -> None:
        """All but the lock."""
        for result in SUFFIXES:
            (self.plan.folder(self.split, result) / RECORD).unlink(missing_ok=True)
            (self.plan.folder(self.split, result) / FEATURES).unlink(missing_ok=True)
        self.states.clear()

    def _check_columns(self) -> None:
        """Refuse a video that lacks what the head learns from, before any is decoded."""
        plan = self.plan
        parts = ("train", "val", "test") if plan.test else ("train", "val")
        for part in parts:
            ids = self.split.part(part)
            videos = plan.scored(ids)
            try:
                if part == "train" and self.start is None:
                    self.head.learn_scores(videos.scores, **videos.columns)
                self.head.check_columns(videos.scores, ids, **videos.columns)
            except HeadError as error:
                raise RunError(
                    f"{plan.head} on {part} videos of split {self.split.name} of "
                    f"{plan.manifest.path}: {error}"
                ) from None

    def _check(self, group: ProcessGroup, progress: Progress) -> dict[str, Any]:
        """Decode all that is learned from once, so that no training ends at a broken file."""
        plan, split = self.plan, self.split
        ids = [*split.train, *split.val, *(split.test if plan.test else ())]
        failed, warned = plan.clips(plan.videos(ids)).check(group.share(range(len(ids))))
        failed, warned = group.gather(failed), group.gather(warned)
        left_out = {video_id for video_id, _ in failed}
        lines = [f"{video_id}: {reason}" for video_id, reason in failed]
        if failed and not plan.skip_missing:
            more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
            raise RunError(
                f"{plan.manifest.path}: {len(failed)} of {len(ids)} videos of split {split.name} "
                f"cannot be read: {'; '.join(lines[:5])}{more}; mend them, or leave them out with "
                "--skip-missing"
            )
        if not set(split.train) - left_out or not set(split.val) - left_out:
            raise RunError(f"{plan.manifest.path}: split {split.name}: no video can be read")
        for line in (*(f"left out: {line}" for line in lines), *(f"warning: {w}" for w in warned)):
            progress.line(line)
        return {"left_out": sorted(left_out)}

    def _finish(
        self, last: TrainingState, group: ProcessGroup, extraction: ExtractionProgress | None
    ) -> Finetuned:
        """Write the runs; that of the chosen epoch last, since it says that all is done."""
        runs: dict[str, Run] = {}
        failed: dict[str, str] = {}
        results = sorted(chosen_epochs(last.history).items(), key=lambda item: item[0] == "chosen")
        for result, epoch in results:
            state = last if epoch == last.epoch else self.states.read(epoch)
            runs[result], lost = self._write(result, state, last, group, extraction)
            failed |= dict(lost)
        self.states.clear()
        return Finetuned(dict(reversed(runs.items())), failed=list(failed.items()))

    def _write(
        self,
        result: str,
        state: TrainingState,
        last: TrainingState,
        group: ProcessGroup,
        extraction: ExtractionProgress | None,
    ) -> tuple[Run, list[tuple[str, str]]]:
        """One result's run: the backbone, its features, the head, what it reaches."""
        plan, split, start = self.plan, self.split, self.start
        folder = plan.folder(split, result)
        seen = {*split.train, *split.val}
        if start is not None:
            seen |= start.learned_from & set(plan.manifest.ids)
        if result == "best-on-test":
            seen |= set(split.test)
        net = part_of("backbone.net", state.tensors)
        save_tuned(folder / BACKBONE, plan.backbone, net, sorted(seen), plan.rule.length)
        summary = extract(
            plan.videos([i for part in PARTS for i in split.part(part)]),
            load_backbone(plan.backbone.source, folder / BACKBONE),
            folder / FEATURES,
            plan.rule,
            device=str(group.device),
            precision=plan.recipe.precision,
            workers=plan.workers,
            progress=extraction,
        )
        head = copy.deepcopy(self.head).set_params(device=self.settings["params"]["device"])
        head.restore(_arrays(state))
        seconds = sum(row.get("seconds", 0.0) for row in last.history)
        with FeatureStore.open(folder / FEATURES) as store:
            features = Features.of(store)
            head.finish(
                last.history,
                state.epoch,
                inputs_of(split.train, plan.manifest, features, head.columns),
                inputs_of(split.val, plan.manifest, features, head.columns),
            )
            record = make_record(
                find_head(plan.head), head, split, store, folder, seconds, start
            ) | {
                "also_learned_from": sorted(seen - {*split.train, *split.val}),
                "finetuned": self.settings,
                "epoch": {"number": state.epoch, "is": result, "of": last.epoch},
                "left_out": last.notes["left_out"],
                "processes": group.size,
            }
            run = Run(folder, head, record)
            evaluated = evaluate_run(run, split, plan.manifest, features, ("train", "val"))
        save_evaluated(folder, evaluated)
        write_run(folder, head, record)
        return run, summary.failed


def _start_run(plan: Plan, split: Split) -> Run:
    """The fitted run to start from; `RunError` where it is of another head or other features."""
    assert plan.start is not None
    run = load_start(plan.start, split.name)
    if run.name == trainable_head(plan.head).starts_from:
        raise RunError(
            f"{run.folder}: {run.name} was fitted on features of the backbone as it was, which "
            f"training changes; {plan.head} learns from hand labels and fits a {run.name} of its "
            "own on the trained backbone: leave out --from"
        )
    if run.name != plan.head:
        raise RunError(f"{run.folder}: a run of {run.name}, which {plan.head} cannot start from")
    if plan.params:
        raise HeadError(
            f"-p {' '.join(plan.params)}: a head from {run.folder} keeps its parameters; leave out "
            "-p, or --from"
        )
    want = make_spec(plan.backbone, plan.rule, plan.shape)
    differences = spec_differences(_bound(run.spec), _bound(want))
    if differences:
        raise RunError(
            f"{run.folder} was fitted on other features: {'; '.join(differences)}; give the same "
            "backbone, weights and clips that they were extracted with, or leave out --from"
        )
    return run


def _bound(spec: Spec) -> Spec:
    return {key: value for key, value in spec.items() if key not in _FREE}


def _head_of(plan: Plan, start: Run | None) -> JointHead:
    """The head to train, with the recipe in those of its parameters that say the same."""
    kind, recipe = trainable_head(plan.head), plan.recipe
    stated = {
        "epochs": recipe.epochs,
        "batch_size": recipe.batch_size,
        "lr": recipe.lr_head,
        "lr_halve_every": None,
        "weight_decay": 0.0,
        "clip_gradient": None,
        "patience": recipe.epochs,
    }
    values = {"seed": recipe.seed} | parse_head_params(plan.head, kind, plan.params)
    refused = [name for name in values if name in stated]
    if refused:
        raise HeadError(
            f"-p {', '.join(refused)}: not the head's to say here; see --epochs, --batch-size and "
            "--lr-head"
        )
    head = copy.deepcopy(start.head) if start else transformed(kind, values)
    if isinstance(head, TransformedHead):
        raise HeadError(
            f"{start.folder if start else plan.head}: end to end, a head is told nothing beside "
            "pixels; leave out -p difficulty and -p scale"
        )
    head.set_params(**stated)
    check_params(head)
    return cast("JointHead", head)


def _with_validation(plan: Plan, split: Split, head: JointHead, start: Run | None) -> Split:
    """The split with validation videos: its own, or training videos held out by the head's seed.

    A head that was fitted before has not learned from those that it held out: they are taken.
    """
    if split.val:
        return split
    pool = start.record["split"] if start else {"train": split.train, "val": ()}
    held = set(pool["val"] or (pool["train"][i] for i in head.held_out(len(pool["train"]))))
    train = tuple(i for i in split.train if i not in held)
    val = tuple(i for i in split.train if i in held)
    if not train or not val:
        raise RunError(
            f"{plan.manifest.path}: split {split.name}: {len(train)} training videos and "
            f"{len(val)} for validation, by which the epoch is chosen; mark videos as val in "
            f"split_{split.name}, or hold out a share of the training videos, -p validation=0.15"
        )
    return replace(split, train=train, val=val)


def _settings(plan: Plan, split: Split, head: JointHead, start: Run | None) -> dict[str, Any]:
    """All that the training depends on, as JSON."""
    parts = ("train", "val", "test") if plan.test else ("train", "val")
    videos = {part: plan.videos(split.part(part)) for part in parts}
    rows = [
        [part, video.id, video.score, video.start_frame, video.end_frame]
        + [getattr(video, name) for name in plan.columns]
        for part, own in videos.items()
        for video in own
    ]
    settings = {
        "head": plan.head,
        "params": {f.name: getattr(head, f.name) for f in dataclasses.fields(head)},
        "from": sha256_of(start.folder / MODEL) if start else None,
        "backbone": plan.backbone.name,
        "weights": plan.backbone.weights.sha256,
        "layer": plan.backbone.layer,
        "preprocess": plan.backbone.preprocess.to_dict(),
        "clips": dataclasses.asdict(plan.rule),
        "recipe": dataclasses.asdict(plan.recipe),
        "augment": dataclasses.asdict(plan.augment),
        "videos": {part: len(own) for part, own in videos.items()},
        "scores": hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _warn_of_leaks(plan: Plan, split: Split, start: Run | None) -> None:
    """Say before hours of training what its result would be refused for, or what flatters it."""
    before = set(plan.backbone.weights.fitted_on or ())
    fitted = set(start.record["split"]["train"]) if start else set()
    held = set(start.record["split"]["val"]) if start else set()
    if start and not held:
        ids = start.record["split"]["train"]
        head = start.head
        head = cast("JointHead", head)
        held = {ids[i] for i in head.held_out(len(ids))}
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


def _arrays(state: TrainingState) -> dict[str, Any]:
    """The head's fitted arrays."""
    return {key: value.numpy() for key, value in part_of("head", state.tensors).items()}

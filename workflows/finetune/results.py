"""The runs that a finished training leaves: backbone, features, head, and how well it scores."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aqa.annotations.splits import PARTS, Split
from aqa.annotations.video_groups import video_groups
from aqa.errors import RunError
from aqa.evaluation.evaluate import evaluate_run
from aqa.evaluation.evaluated import save_evaluated
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.load import save_tuned
from aqa.extract.progress import ExtractionProgress
from aqa.extract.run import extract
from aqa.features.store import FeatureStore
from aqa.models.examples import Features, examples_of
from aqa.models.heads.base import Head, part_of
from aqa.models.runs import METRICS_FILE, Run, load_run, make_record, write_run
from aqa.models.saved.record import RECORD
from aqa.models.training.distributed import ProcessGroup
from aqa.models.trust.score_range import LEAST_ERRORS
from aqa.workflows.clip_reference import trained_reference
from aqa.workflows.finetune.epochs import SUFFIXES, chosen_epochs
from aqa.workflows.finetune.heads import adapter_of, trainable_head
from aqa.workflows.finetune.plan import FinetunePlan
from aqa.workflows.finetune.snapshots import head_arrays
from aqa.workflows.finetune.states import TrainingState, TrainingStates
from aqa.workflows.trust import likeness_of, range_of_rows

BACKBONE, FEATURES = "backbone.safetensors", "features.h5"


@dataclass(frozen=True)
class FinetunedSplit:
    """The runs of one split, by the name of their epoch: `chosen`, `last`, `best-on-test`.

    reused: an earlier training of the same settings left them. failed: (id, reason) of videos of
    the split whose features could not be extracted.
    """

    runs: Mapping[str, Run]
    reused: bool = False
    failed: Sequence[tuple[str, str]] = ()

    def metrics(self, result: str) -> dict[str, Any]:
        """The metrics of a run, part -> name -> value."""
        path = self.runs[result].folder / METRICS_FILE
        try:
            metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path}: cannot be read ({error}); run `aqa eval` again") from None
        return metrics


def reused_runs(plan: FinetunePlan, split: Split) -> FinetunedSplit:
    """The runs that an earlier training left."""
    folders = {result: plan.folder(split, result) for result in SUFFIXES}
    runs = {
        name: load_run(path, (plan.head,))
        for name, path in folders.items()
        if (path / RECORD).exists()
    }
    return FinetunedSplit(runs, reused=True)


def delete_results(plan: FinetunePlan, split: Split) -> None:
    """Delete what an earlier training left, except its lock file."""
    for result in SUFFIXES:
        (plan.folder(split, result) / RECORD).unlink(missing_ok=True)
        (plan.folder(split, result) / FEATURES).unlink(missing_ok=True)


def _left_out(state: TrainingState) -> dict[str, str]:
    """The videos that were left out: id -> why; earlier versions' states have ids alone."""
    left_out = state.notes["left_out"]
    return left_out if isinstance(left_out, dict) else dict.fromkeys(left_out, "cannot be read")


@dataclass(frozen=True)
class ResultWriter:
    """Writes the runs of one split; its first process alone does.

    head: as it was before training, with the settings in `settings`. last: the last state.
    """

    plan: FinetunePlan
    split: Split
    head: Head
    start: Run | None
    settings: Mapping[str, Any]
    group: ProcessGroup
    extraction: ExtractionProgress | None

    def write_all(self, states: TrainingStates, last: TrainingState) -> FinetunedSplit:
        """Write all runs; that of the chosen epoch is the last, and tells that all is done."""
        runs: dict[str, Run] = {}
        failed: dict[str, str] = {}
        epochs = chosen_epochs(last.history)
        for result in sorted(epochs, key=lambda name: name == "chosen"):
            epoch = epochs[result]
            state = last if epoch == last.epoch else states.read(epoch)
            runs[result], lost = self._write(result, state, last)
            failed |= dict(lost)
        states.clear()
        return FinetunedSplit(dict(reversed(runs.items())), failed=list(failed.items()))

    def _write(
        self, result: str, state: TrainingState, last: TrainingState
    ) -> tuple[Run, Sequence[tuple[str, str]]]:
        """One run; (id, reason) of videos without features."""
        plan, split = self.plan, self.split
        folder = plan.folder(split, result)
        seen = self._seen(result)
        net = part_of("backbone.net", state.tensors)
        save_tuned(
            *(folder / BACKBONE, plan.backbone, net, sorted(seen), plan.rule.length),
            spread=plan.rule.spread,
            window=plan.rule.window,
        )
        summary = extract(
            plan.videos([i for part in PARTS for i in split.part(part)]),
            load_backbone(plan.backbone.source, folder / BACKBONE),
            folder / FEATURES,
            plan.rule,
            device=str(self.group.device),
            precision=plan.settings.precision,
            workers=plan.workers,
            progress=self.extraction,
        )
        head = self._fitted_head(state)
        with FeatureStore.open(folder / FEATURES) as store:
            features = Features.of(store)
            train, validation = (
                examples_of(ids, plan.manifest, features, head.columns)
                for ids in (split.train, split.val)
            )
            adapter_of(head).finish(last.history, state.epoch, train, validation)
            seconds = sum(row.get("seconds", 0.0) for row in last.history)
            source = trainable_head(plan.head)
            record = make_record(
                source, head, split, store, folder, seconds, plan.manifest, self.start
            ) | {
                "also_learned_from": sorted(seen - {*split.train, *split.val}),
                "finetuned": dict(self.settings),
                "epoch": {"number": state.epoch, "is": result, "of": last.epoch},
                "left_out": _left_out(last),
                "warnings": last.notes.get("warnings", []),
                "processes": self.group.size,
            }
            reference = trained_reference(head, split, plan.manifest, store)
            if reference is not None:
                record["clip_reference"] = reference.to_dict()
            run = Run(folder, head, record)
            evaluated = evaluate_run(run, split, plan.manifest, features, ("train", "val"))
            alike = likeness_of(
                split.train, features, head.seed, video_groups(split, plan.manifest)
            )
        save_evaluated(folder, evaluated)
        if head.kind == "scores":
            rows = evaluated["val"].rows if "val" in evaluated else []
            known = range_of_rows(rows, "validation videos, by which the epoch was chosen")
            if known is not None:
                record["range"] = known.to_dict()
            else:
                record["no_range"] = (
                    f"that takes {LEAST_ERRORS} validation videos, and there are {len(rows)}"
                )
        write_run(folder, head, record, alike)
        return run, summary.failed

    def _seen(self, result: str) -> set[str]:
        """The videos that this result has learned from, or was chosen by."""
        seen = {*self.split.train, *self.split.val}
        if self.start is not None:
            seen |= self.start.learned_from & set(self.plan.manifest.ids)
        if result == "best-on-test":
            seen |= set(self.split.test)
        return seen

    def _fitted_head(self, state: TrainingState) -> Head:
        head = copy.deepcopy(self.head).set_params(device=self.settings["params"]["device"])
        head.restore(head_arrays(state.tensors))
        return head

"""The training of one split: find it done, or go on, or begin; then write its runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from aqa.annotations.splits import Split
from aqa.evaluation.complete_splits import check_scored, complete_split, learned_scores
from aqa.extract.backbones.backbone import ClipNet
from aqa.extract.inference import tune_malloc
from aqa.extract.progress import ExtractionProgress
from aqa.growing_table import GrowingTable
from aqa.models.run_source import RunError
from aqa.models.runs import load_run
from aqa.models.saved.record import RECORD
from aqa.models.target_transforms import check_target
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import ScoredClips
from aqa.workflows.finetune.heads import adapter_of
from aqa.workflows.finetune.network import clip_features
from aqa.workflows.finetune.plan import FinetunePlan
from aqa.workflows.finetune.preparation import (
    check_columns,
    prepared_head,
    settings_record,
    start_run,
    warn_of_leaks,
    with_validation,
)
from aqa.workflows.finetune.progress import FinetuneHistory, FinetuneProgress
from aqa.workflows.finetune.results import (
    FinetunedSplit,
    ResultWriter,
    delete_results,
    reused_runs,
)
from aqa.workflows.finetune.scratch import is_untrained, settle_batch_norms, widened
from aqa.workflows.finetune.snapshots import head_arrays
from aqa.workflows.finetune.states import TrainingState, TrainingStates, check_settings
from aqa.workflows.finetune.trainer import FineTuner

STATES = "training"


class SplitTraining:
    """Trains one split: checks everything first, then `run` trains and writes the runs."""

    def __init__(self, plan: FinetunePlan, split: Split):
        self.plan = plan
        self.start = start_run(plan, split)
        self.head = prepared_head(plan, self.start)
        self.test, self.incomplete = split.test, dict[str, str]()
        if plan.skip_incomplete:
            split, self.incomplete = complete_split(
                self.head, split, plan.manifest, parts=plan.parts
            )
        check_target(self.head, plan.manifest)
        if learned_scores(self.head, plan.manifest) or plan.manifest.pairs is not None:
            check_scored(split, plan.manifest, plan.parts)
        self.split = with_validation(plan, split, self.head, self.start)
        check_columns(plan, self.split, self.head, self.start)
        self.settings = settings_record(plan, self.split, self.head, self.start)
        self.states = TrainingStates(plan.folder(split) / STATES, self.settings)
        warn_of_leaks(plan, self.split, self.head, self.start)

    def run(
        self,
        group: ProcessGroup,
        progress: Callable[[Split], FinetuneProgress] | None,
        extraction: ExtractionProgress | None,
    ) -> FinetunedSplit | None:
        """Train, or go on, or find it done; None in all processes but the first."""
        if group.from_first(group.first and self._finished()):
            return self._reused(group)
        told = progress(self.split) if progress and group.first else FinetuneProgress()
        # Nothing is written, not even a lock, before the videos are found sound.
        begun = group.from_first(group.first and self._state() is not None)
        checked = None if begun else self._check_videos(group, told)
        with self.states.locked() if group.first else nullcontext():
            # Another process may have finished it before this one took the lock.
            if group.from_first(group.first and self._finished()):
                return self._reused(group)
            state = group.from_first(self._state() if group.first else None)
            notes = state.notes if state else checked or self._check_videos(group, told)
            self.split = self.split.only(set(self.plan.manifest.ids) - set(notes["left_out"]))
            tuner, train = self._begin(group, state)
            if self.plan.restart and group.first:
                delete_results(self.plan, self.split)
                self.states.clear()
            if not group.first:
                self._train(tuner, train, state, notes, told)
                return None
            table = GrowingTable(self._history)
            earlier = state.history if state else ()
            told = FinetuneHistory(table, earlier, told)
            last = self._train(tuner, train, state, notes, told)
            writer = ResultWriter(
                *(self.plan, self._written(), self.head, self.start, self.settings, group),
                extraction,
            )
            written = writer.write_all(self.states, last)
            table.remove()  # the runs have it
            return written

    @property
    def _history(self) -> Path:
        """The table of epochs that grows beside the run while it is trained."""
        folder = self.plan.folder(self.split)
        return folder.with_name(f"history-{folder.name}.csv")

    def _written(self) -> Split:
        """The split with those test videos too that only the choice of an epoch does without."""
        kept = {*self.split.test, *self.incomplete}
        return replace(self.split, test=tuple(i for i in self.test if i in kept))

    def _finished(self) -> bool:
        """Whether an earlier training of the same settings has finished."""
        record = self.plan.folder(self.split) / RECORD
        if self.plan.restart or not record.exists():
            return False
        check_settings(
            record, load_run(record.parent, (self.plan.head,)).record["finetuned"], self.settings
        )
        return True

    def _reused(self, group: ProcessGroup) -> FinetunedSplit | None:
        """The runs of a training that has finished; its states go, if a kill has left any."""
        if not group.first:
            return None
        if self.states.folder.exists() or self._history.exists():
            with suppress(RunError, OSError), self.states.locked():
                self.states.clear()
                self._history.unlink(missing_ok=True)
        return reused_runs(self.plan, self.split)

    def _state(self) -> TrainingState | None:
        """The last state of an earlier training, to go on from."""
        return None if self.plan.restart else self.states.newest()

    def _check_videos(self, group: ProcessGroup, progress: FinetuneProgress) -> dict[str, Any]:
        """Decode every video once, so that no training ends hours later at a broken file."""
        plan, split = self.plan, self.split
        ids = [i for part in plan.parts for i in split.part(part)]
        failed, warned = plan.clips(plan.videos(ids)).check(
            group.share(range(len(ids))), stages="stages" in self.head.columns
        )
        failed, warned = group.gather(failed), group.gather(warned)
        left_out = {**self.incomplete, **dict(failed)}
        lines = [f"{video_id}: {reason}" for video_id, reason in failed]
        if failed and not plan.skip_missing:
            more = f"; and {len(lines) - 5} more" if len(lines) > 5 else ""
            raise RunError(
                f"{plan.manifest.path}: {len(failed)} of {len(ids)} videos of split {split.name} "
                f"cannot be used: {'; '.join(lines[:5])}{more}; mend them, or leave them out with "
                "--skip-missing"
            )
        if not set(split.train) - {*left_out} or not set(split.val) - {*left_out}:
            raise RunError(f"{plan.manifest.path}: split {split.name}: no video can be read")
        for video_id, reason in left_out.items():
            progress.line(f"left out: {video_id}: {reason}")
        for line in warned:
            progress.line(f"warning: {line}")
        return {"left_out": dict(sorted(left_out.items())), "warnings": warned}

    def _begin(
        self, group: ProcessGroup, state: TrainingState | None
    ) -> tuple[FineTuner, ScoredClips]:
        """The training, as it begins or goes on from a state, and its videos."""
        plan, adapter = self.plan, adapter_of(self.head)
        if group.device.type == "cpu":
            tune_malloc()
        self.head.set_params(device=str(group.device))
        net, train = ClipNet(plan.backbone), plan.scored(self.split.train)
        if state is not None:
            self.head.restore(head_arrays(state.tensors))
        elif self.start is not None:
            self.head.restore(self.start.head.state())
        else:
            untrained = is_untrained(plan.backbone)
            if untrained and plan.settings.batch_norm == "live":
                settle_batch_norms(net, adapter, train, group.device)
            features = clip_features(net, adapter, train, plan.settings.precision, group)
            adapter.begin(widened(features) if untrained else features)
        return FineTuner(net, adapter, plan.settings, group), train

    def _train(
        self,
        tuner: FineTuner,
        train: ScoredClips,
        state: TrainingState | None,
        notes: Mapping[str, Any],
        progress: FinetuneProgress,
    ) -> TrainingState:
        plan, split = self.plan, self.split
        return tuner.fit(
            train,
            plan.scored(split.val),
            self.states,
            state,
            notes,
            test=plan.scored(split.test) if plan.test else None,
            progress=progress,
        )

"""A search over the splits: every setting's trial, and the winner fitted on all training videos.

The search counts as fitting: it sees training (and validation) videos alone. The best setting of a
split is chosen by its own training videos, so splits may differ in it. `aqa eval` then reads the
test videos, for the winner alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aqa.annotations.folds import Folds
from aqa.annotations.splits import Split
from aqa.errors import AqaError, AqaWarning, portable
from aqa.evaluation.metric import metric_of
from aqa.extract.parallel.ray_cluster import RayCluster
from aqa.features.store import FeatureStore
from aqa.models.run_source import RunError
from aqa.models.runs import Run
from aqa.processes import Died, Inbox, WorkerProcess
from aqa.workflows.fit import fit_splits
from aqa.workflows.sweep.grid import Setting, searched
from aqa.workflows.sweep.journal import Journal
from aqa.workflows.sweep.trial import Search, SweepTrial, TrialTask, folds_of, run_trial


@dataclass(frozen=True)
class Tried:
    """A setting of a split, and how well it did on held-out training videos."""

    split: str
    setting: Setting
    trial: SweepTrial


def search_settings(
    search: Search,
    settings: Sequence[Setting],
    splits: Sequence[Split],
    store: FeatureStore,
    jobs: int = 1,
    cluster: RayCluster | None = None,
) -> Iterator[Tried]:
    """Try every setting on every split; yields each when it is known, those kept before first.

    jobs: how many at once, each in a process of one thread. cluster: where they are made instead.
    What is known is kept in the journal: a search that was killed goes on with the trials that it
    lacks.
    """
    journal = Journal(search, store)
    tasks = [TrialTask(journal.key(s, split), s, split) for split in splits for s in settings]
    missing = []
    for task in tasks:
        kept = journal.get(task.key)
        if kept is None:
            missing.append(task)
        else:
            yield Tried(task.split.name, task.setting, kept)
    made: Iterator[tuple[TrialTask, SweepTrial]]
    if cluster is not None:
        from aqa.workflows.sweep.on_ray import trials_on_ray  # what processes here do without

        made = trials_on_ray(search, missing, store, cluster)
    elif jobs > 1 and len(missing) > 1:
        made = _side_by_side(search, missing, store, min(jobs, len(missing)))
    else:
        made = _here(search, missing, store)
    for task, trial in made:
        journal.put(task.key, task.setting, task.split, trial)
        yield Tried(task.split.name, task.setting, trial)


def _here(
    search: Search, tasks: Sequence[TrialTask], store: FeatureStore
) -> Iterator[tuple[TrialTask, SweepTrial]]:
    for task in tasks:
        yield task, run_trial(search, task.setting, task.split, store)


def _side_by_side(
    search: Search, tasks: Sequence[TrialTask], store: FeatureStore, jobs: int
) -> Iterator[tuple[TrialTask, SweepTrial]]:
    processes = [WorkerProcess(__name__, 1) for _ in range(jobs)]
    waiting = iter(tasks)
    at_work: dict[WorkerProcess, TrialTask] = {}
    try:
        for process in processes:
            process.tell((search, store.path))
            _give(process, waiting, at_work)
        while at_work:
            for process in WorkerProcess.wait_for(list(at_work)):
                task = at_work.pop(process)
                trial = _answer_of(process, task)
                _give(process, waiting, at_work)
                yield task, trial
    finally:
        WorkerProcess.end_all(processes)


def _give(
    process: WorkerProcess, waiting: Iterator[TrialTask], at_work: dict[WorkerProcess, TrialTask]
) -> None:
    task = next(waiting, None)
    if task is not None:
        at_work[process] = task
        process.tell(task)


def _answer_of(process: WorkerProcess, task: TrialTask) -> SweepTrial:
    try:
        answer = process.answer()
    except Died as error:
        raise RunError(
            f"{task.where}: the process that tried it is gone: {error}; use fewer --jobs"
        ) from None
    if isinstance(answer, AqaError):
        raise answer
    assert isinstance(answer, SweepTrial)
    return answer


def main() -> None:
    """Such a process: told a search, then one task after the other."""
    inbox = Inbox()
    torch.set_num_threads(1)
    search, path = inbox.get()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AqaWarning)  # of the store; told by the first process
        store = FeatureStore.open(path)
    with store:
        while True:
            task: TrialTask = inbox.get()
            try:
                inbox.answer(run_trial(search, task.setting, task.split, store))
            except AqaError as error:
                inbox.answer(portable(error))


def best_of(search: Search, tried: Sequence[Tried]) -> Tried:
    """The best setting of one split; of those that do as well, the one that comes first."""
    known = [one for one in tried if one.trial.values]
    if not known:
        raise RunError(
            f"split {tried[0].split}: no setting could be fitted, the first for: "
            f"{tried[0].trial.failed}"
        )
    sign = 1 if metric_of(search.metric).lower_better else -1
    return min(known, key=lambda one: sign * one.trial.mean)


def fit_winner(
    search: Search, tried: Sequence[Tried], split: Split, store: FeatureStore, **options: Any
) -> Run:
    """Fit the best setting of a split on all its training videos; its run records the search.

    options: of `fit_splits`, such as `ranges`.
    """
    best = best_of(search, tried)
    (run,) = fit_splits(
        search.head,
        best.setting,
        search.manifest,
        store,
        [split],
        search.runs,
        seed=search.seed,
        name=search.label,
        search=record_of(search, folds_of(search, split), tried, best),
        **options,
    )
    return run


def record_of(search: Search, folds: Folds, tried: Sequence[Tried], best: Tried) -> dict[str, Any]:
    """What run.json says of the search that its hyper-parameters come from."""
    return {
        "metric": search.metric,
        "folds": search.folds,
        "kept_apart": list(folds.kept_apart),
        **({"not_kept_apart": list(folds.shared)} if folds.shared else {}),
        "seed": search.seed,
        "searched": searched([one.setting for one in tried]),
        "seconds": round(sum(one.trial.seconds for one in tried), 3),
        "chosen": list(best.setting),
        "settings": [
            {
                "setting": list(one.setting),
                "values": list(one.trial.values),
                **({"failed": one.trial.failed} if one.trial.failed else {}),
            }
            for one in tried
        ],
    }


def rows_of(search: Search, tried: Sequence[Tried]) -> list[dict[str, Any]]:
    """A row per split and setting, for sweep.csv."""
    splits = dict.fromkeys(one.split for one in tried)
    best = {
        split: best_of(search, [one for one in tried if one.split == split]) for split in splits
    }
    return [
        {
            "split": one.split,
            **dict(text.split("=", 1) for text in one.setting),
            search.metric: one.trial.mean if one.trial.values else None,
            f"{search.metric}_std": one.trial.std if len(one.trial.values) > 1 else None,
            "folds": len(one.trial.values),
            "seconds": round(one.trial.seconds, 3),
            "failed": one.trial.failed,
            "chosen": one is best[one.split],
        }
        for one in tried
    ]


def table_path(search: Search) -> Path:
    """Where the table of a search lies."""
    return search.folder / "sweep.csv"

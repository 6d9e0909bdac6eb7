"""Fits a head on several splits and targets: one after the other, or side by side in processes."""

from __future__ import annotations

import itertools
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import AqaError, AqaWarning, portable
from aqa.features.store import FeatureStore
from aqa.models.run_source import RunError
from aqa.models.runs import Run, load_run
from aqa.processes import Died, Inbox, WorkerProcess
from aqa.workflows.fit import fit_splits
from aqa.workflows.fit_watching import check_log, watchers


@dataclass(frozen=True)
class FitSettings:
    """What all fits of a command have in common; see `fit_splits`.

    log: who is told of them, see `aqa.workflows.fit_watching`. bar: show on a terminal how far a
    fit is.
    """

    seed: int | None = None
    skip_missing: bool = False
    skip_incomplete: bool = False
    start: Path | None = None
    name: str | None = None
    ranges: bool = True
    log: tuple[str, ...] = ()
    bar: bool = False


@dataclass(frozen=True)
class FitTask:
    """One fit: of a head to what a manifest is seen with, on one split; see `fit_splits`.

    seed: one of several, after which the run is called; None takes that of the settings.
    """

    head: str
    params: Sequence[str]
    manifest: Manifest
    split: Split
    runs: Path
    seed: int | None = None


class _Order(NamedTuple):
    """What a process is told to do. store: the path of the feature store."""

    tasks: Sequence[FitTask]
    store: Path
    settings: FitSettings


class _Fitted(NamedTuple):
    """What it answers. failure: of bad input; trace: of an error that is a mistake."""

    folder: Path | None = None
    warnings: tuple[str, ...] = ()
    failure: AqaError | None = None
    trace: str = ""


def fit_tasks(
    tasks: Sequence[FitTask], store: FeatureStore, settings: FitSettings, jobs: int = 1
) -> Iterator[Run]:
    """Fit each task; yields the runs in their order, each when it is saved.

    jobs: how many at once, each in a process of one thread. The runs are the same; where several
    threads of this process add up a network's sums, last digits may differ. An error is raised
    when its task is due; those that were finished stay.
    """
    for text in settings.log:
        check_log(text)
    if jobs > 1 and len(tasks) > 1:
        yield from _fit_side_by_side(tasks, store, settings, min(jobs, len(tasks)))
        return
    for _, same in itertools.groupby(tasks, lambda one: (one.head, id(one.manifest), one.seed)):
        yield from _fit_here(list(same), store, settings)


def _fit_here(
    tasks: Sequence[FitTask], store: FeatureStore, settings: FitSettings
) -> Iterator[Run]:
    """Fit tasks of one head and one manifest, which are all checked before the first is fitted."""
    first = tasks[0]
    own: dict[str, Any] = dict(vars(settings))
    callbacks = watchers(own.pop("log"), own.pop("bar"))
    if first.seed is not None:
        own |= {"seed": first.seed, "name_seed": True}
    return fit_splits(
        first.head,
        first.params,
        first.manifest,
        store,
        [task.split for task in tasks],
        first.runs,
        callbacks=callbacks,
        **own,
    )


def _fit_side_by_side(
    tasks: Sequence[FitTask], store: FeatureStore, settings: FitSettings, jobs: int
) -> Iterator[Run]:
    processes = [WorkerProcess(__name__, 1) for _ in range(jobs)]
    try:
        for process in processes:
            process.tell(_Order(tasks, store.path, replace(settings, bar=False)))
        waiting = iter(range(len(tasks)))
        at_work: dict[WorkerProcess, int] = {}
        results: dict[int, _Fitted] = {}
        for process in processes:
            _give(process, waiting, at_work)
        for due, task in enumerate(tasks):
            while due not in results:
                for process in WorkerProcess.wait_for(list(at_work)):
                    number = at_work.pop(process)
                    results[number] = _answer_of(process, tasks[number])
                    if not results[number].trace:
                        _give(process, waiting, at_work)
            yield _run_of(results.pop(due), task)
    finally:
        WorkerProcess.end_all(processes)


def _give(
    process: WorkerProcess, waiting: Iterator[int], at_work: dict[WorkerProcess, int]
) -> None:
    number = next(waiting, None)
    if number is not None:
        at_work[process] = number
        process.tell(number)


def _answer_of(process: WorkerProcess, task: FitTask) -> _Fitted:
    try:
        answer: _Fitted = process.answer()
    except Died as error:
        raise RunError(
            f"{task.head} on split {task.split.name} of {task.manifest.path}: the process that "
            f"fitted it is gone: {error}; use fewer --jobs"
        ) from None
    return answer


def _run_of(fitted: _Fitted, task: FitTask) -> Run:
    """The run that a process has saved; raises what it met instead, and gives its warnings."""
    for text in fitted.warnings:
        warnings.warn(text, AqaWarning, stacklevel=2)
    if fitted.trace:
        raise RuntimeError(f"in the process that fitted split {task.split.name}:\n{fitted.trace}")
    if fitted.failure is not None:
        raise fitted.failure
    assert fitted.folder is not None
    return load_run(fitted.folder, heads=(task.head,))


def main() -> None:
    """Such a process: told an order, then the number of one task after the other."""
    inbox = Inbox()
    torch.set_num_threads(1)
    order: _Order = inbox.get()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AqaWarning)  # of the store; told by the first process
        store = FeatureStore.open(order.store)
    with store:
        while True:
            inbox.answer(_fitted(order.tasks[inbox.get()], store, order.settings))


def _fitted(task: FitTask, store: FeatureStore, settings: FitSettings) -> _Fitted:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", AqaWarning)
        try:
            (run,) = _fit_here([task], store, settings)
            answer = _Fitted(run.folder)
        except AqaError as error:
            answer = _Fitted(failure=portable(error))
        except Exception:
            answer = _Fitted(trace=traceback.format_exc())
    told = tuple(str(one.message) for one in caught if issubclass(one.category, AqaWarning))
    return answer._replace(warnings=told)

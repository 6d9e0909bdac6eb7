"""The trials of a search on the machines of a Ray cluster, one work item each.

A trial whose worker dies, or whose machine is lost, is made anew elsewhere, a few times. What comes
back is written by the first process alone, so a search that was stopped goes on, with Ray or
without it.
"""

from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import sklearn
import torch

from aqa import __version__
from aqa.errors import AqaError, AqaWarning, portable
from aqa.extract.parallel.messages import Crashed, WorkerCrash, check_versions
from aqa.extract.parallel.ray_cluster import PATIENCE, RayCluster, connected
from aqa.extract.parallel.sent_file import SentFile, sent_file
from aqa.features.store import FeatureStore
from aqa.models.run_source import RunError
from aqa.plugins import file_path, is_file
from aqa.workflows.sweep.trial import Search, SweepTrial, TrialTask, run_trial

# So many workers may die of a trial before the search ends.
_TRIES = 3
# In a worker: the store that it has open, by the hash of its file.
_STORES: dict[str, FeatureStore] = {}


def trials_on_ray(
    search: Search,
    tasks: Sequence[TrialTask],
    store: FeatureStore,
    cluster: RayCluster,
) -> Iterator[tuple[TrialTask, SweepTrial]]:
    """Make trials on a cluster, each in a process of one thread; yields each when it is known.

    The store, and a head's own file, are sent to machines that do not have them. cluster: with
    `workers`, so many trials at once; else as many as it has cores.
    """
    if not tasks:
        return
    ray = connected(cluster)
    pending: dict[Any, TrialTask] = {}
    try:
        n = cluster.workers or int(ray.cluster_resources().get("CPU", 0))
        if n < 1:
            raise AqaError("the Ray cluster has no CPU for a worker")
        code = sent_file(ray, file_path(search.head).absolute()) if is_file(search.head) else None
        common = ray.put((search, sent_file(ray, store.path.absolute()), code, _versions()))
        remote = ray.remote(_try).options(num_cpus=1, max_retries=_TRIES - 1)
        waiting = iter(tasks)
        while True:
            while len(pending) < n and (task := next(waiting, None)) is not None:
                pending[remote.remote(common, task)] = task
            if not pending:
                return
            done, _ = ray.wait(list(pending), timeout=PATIENCE)
            for reference in done:
                task = pending.pop(reference)
                yield task, _trial_of(ray, reference, task)
    finally:
        for reference in pending:
            ray.cancel(reference, force=True)
        ray.shutdown()


def _trial_of(ray: Any, reference: Any, task: TrialTask) -> SweepTrial:
    """What a worker answered; raises what it met instead."""
    failures = ray.exceptions
    try:
        answer = ray.get(reference)
    except failures.RayTaskError as error:  # such as a machine without this package
        raise RunError(
            f"{task.where}: {_last_line(error)}; install the same on every machine"
        ) from (None)
    except failures.RayError as error:
        raise RunError(
            f"{task.where}: the Ray workers that tried it are gone, {_TRIES} of them: "
            f"{_last_line(error)}; give them more memory, or leave this setting out"
        ) from None
    if isinstance(answer, AqaError):
        raise answer
    if isinstance(answer, Crashed):
        raise WorkerCrash(f"{task.where}, in a Ray worker:\n{answer.trace}")
    assert isinstance(answer, SweepTrial)
    return answer


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[-1].split()).rstrip(".") if lines else type(error).__name__


def _versions() -> dict[str, str]:
    """What must be the same in every worker."""
    return {"aqa": __version__, "torch": torch.__version__, "scikit-learn": sklearn.__version__}


def _try(
    common: tuple[Search, SentFile, SentFile | None, dict[str, str]], task: TrialTask
) -> SweepTrial | AqaError | Crashed:
    """In a worker: one trial."""
    search, store, code, wanted = common
    try:
        check_versions(_versions(), wanted, "a Ray worker")
        torch.set_num_threads(1)
        # A folder that nobody else can write to, since the head's code is run from there.
        with tempfile.TemporaryDirectory(prefix="aqa-") as folder:
            if code is not None:
                attribute = search.head.rpartition(".py")[2]
                search = replace(search, head=code.here(Path(folder)) + attribute)
            return run_trial(search, task.setting, task.split, _opened(store))
    except AqaError as error:
        return portable(error)
    except Exception:
        return Crashed(traceback.format_exc())


def _opened(sent: SentFile) -> FeatureStore:
    """The store on this machine; a worker that tries several settings opens it once."""
    if sent.sha256 not in _STORES:
        with tempfile.TemporaryDirectory(prefix="aqa-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore", AqaWarning)  # told by the first process
            # Where it was sent, it stays open when its file is removed.
            _STORES[sent.sha256] = FeatureStore.open(sent.here(Path(folder)))
    return _STORES[sent.sha256]

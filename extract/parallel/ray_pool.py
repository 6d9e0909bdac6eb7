"""Workers on the machines of a Ray cluster, or of one that is started on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.checkpoints.hub import CONFIG
from aqa.extract.parallel.messages import Answer, Gone, Refused, WorkerJob
from aqa.extract.parallel.pool import WorkerPool
from aqa.extract.parallel.ray_cluster import PATIENCE, RayCluster, connected
from aqa.extract.parallel.ray_worker import RayWorker, absolute
from aqa.extract.parallel.sent_file import SentFile, sent_file
from aqa.extract.video_encoder import VideoGroup, n_held
from aqa.plugins import file_path, is_file


class RayPool(WorkerPool):
    """An actor for each worker. The cluster places them; one that dies is started elsewhere.

    The videos must lie under the same paths on every machine; weights, and a file that holds a
    network's code, are sent where they are not there.
    """

    waits_for_all = False

    def __init__(self, job: WorkerJob, cluster: RayCluster):
        ray = connected(cluster)
        self._ray = ray
        # The last two: an answer that was ready, on a machine that died before it was fetched.
        failures = ray.exceptions
        self._lost = failures.RayActorError, failures.ObjectLostError, failures.NodeDiedError
        try:
            there = ray.cluster_resources()
            gpus = cluster.gpus
            if gpus is None:
                gpus = 1.0 if there.get("GPU", 0) and job.device != "cpu" else 0.0
            resource = "GPU" if gpus else "CPU"
            n = cluster.workers or int(there.get(resource, 0) / (gpus or 1))
            if n < 1:
                raise AqaError(f"the Ray cluster has no {resource} for a worker")
            super().__init__(n, n_held(job.settings, not gpus))
            self._job = replace(job, device=job.device if gpus else "cpu", threads=1)
            self._files = _sent_files(ray, job)
            self._make = ray.remote(RayWorker).options(
                num_gpus=gpus, num_cpus=1, max_concurrency=self.n_held + 2, max_restarts=0
            )
        except BaseException:
            ray.shutdown()
            raise
        self._actors: dict[int, Any] = {}
        self._nodes: dict[int, str] = {}
        self._blank: Any = None
        self._pending: dict[Any, int] = {}  # a reference to an answer -> the worker that owes it

    def start(self, worker: int) -> None:
        """See `WorkerPool.start`."""
        self._actors[worker] = self._make.remote(self._job, *self._files)
        self._pending[self._actors[worker].ready.remote()] = worker

    def begin(self, worker: int, blank: NDArray[np.float32]) -> None:
        """See `WorkerPool.begin`."""
        if self._blank is None:
            self._blank = self._ray.put(blank)

    def send(self, worker: int, group: VideoGroup) -> None:
        """See `WorkerPool.send`."""
        reference = self._actors[worker].encode.remote(self._blank, absolute(group))
        self._pending[reference] = worker

    def answers(self) -> list[tuple[int, Answer]]:
        """See `WorkerPool.answers`."""
        done: list[Any] = []
        while not done:
            done, _ = self._ray.wait(list(self._pending), timeout=PATIENCE)
        return [
            (worker, answer)
            for reference in done
            if (worker := self._pending.pop(reference, None)) is not None
            for answer in self._answers_of(worker, reference)
        ]

    def _answers_of(self, worker: int, reference: Any) -> list[Answer]:
        try:
            found = self._ray.get(reference)
        except self._lost as error:
            self._pending = {ref: w for ref, w in self._pending.items() if w != worker}
            self._ray.kill(self._actors.pop(worker))
            first_line = " ".join(str(error).split("\n")[0].split())
            return [Gone(first_line.rstrip("."))]
        except self._ray.exceptions.RayError as error:  # such as a machine without this package
            text = " ".join(str(error).split("\n")[-1].split())
            return [Refused(f"{self.where(worker)}: {text}; install the same on every machine")]
        if isinstance(found, list):
            return found
        self._nodes[worker], answer = found
        return [answer]

    def where(self, worker: int) -> str:
        """See `WorkerPool.where`."""
        node = self._nodes.get(worker)
        return f"the Ray worker {worker}" + (f" on {node}" if node else "")

    def close(self) -> None:
        """See `WorkerPool.close`."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._ray.shutdown()


def _sent_files(ray: Any, job: WorkerJob) -> tuple[SentFile | None, ...]:
    """The weights and the code of a network, as far as they are files of the user's, and the file
    of an int8 network.
    """
    recipe = job.recipe
    weights = code = None
    if recipe.weights not in (None, "random"):
        path = Path(str(recipe.weights))
        config = path.with_name(CONFIG)
        beside = (sent_file(ray, config),) if config.is_file() else ()
        weights = sent_file(ray, path)._replace(beside=beside)
    if is_file(recipe.source):
        code = sent_file(ray, file_path(recipe.source))
    int8 = job.settings.int8
    return weights, code, None if int8 is None else sent_file(ray, int8.path)

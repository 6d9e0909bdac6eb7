"""Workers on the machines of a Ray cluster, or of one that is started on this machine."""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.checkpoints.hub import CONFIG
from aqa.extract.parallel.messages import Answer, Gone, Refused, WorkerJob
from aqa.extract.parallel.pool import WorkerPool
from aqa.extract.parallel.ray_worker import RayWorker, SentFile, absolute
from aqa.extract.video_encoder import VideoGroup, n_held
from aqa.files import sha256_of
from aqa.plugins import file_path, is_file

# So often, in seconds, the cluster is asked anew, so that Ctrl-C is heard.
_PATIENCE = 0.5


@dataclass(frozen=True)
class RayCluster:
    """Where an extraction runs. address: of a cluster, `auto`, `ray://...`; None: RAY_ADDRESS, or
    one that is started here and ends with it. workers: how many; None: one per GPU or, without any,
    one per core. gpus: that each worker takes, may be a fraction; None: one where there are any.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float | None = None


class RayPool(WorkerPool):
    """An actor for each worker. The cluster places them; one that dies is started elsewhere.

    The videos must lie under the same paths on every machine; weights, and a file that holds a
    network's code, are sent where they are not there.
    """

    waits_for_all = False

    def __init__(self, job: WorkerJob, cluster: RayCluster):
        ray = _connected(cluster)
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
            done, _ = self._ray.wait(list(self._pending), timeout=_PATIENCE)
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


def _connected(cluster: RayCluster) -> Any:
    """The module ray, connected; `AqaError` where it, or the cluster, is not there."""
    try:
        import ray
    except ImportError:
        raise AqaError("Ray is not installed; install it with: pip install aqa-toolkit[ray]") from (
            None
        )
    address = cluster.address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    by_client = address.startswith("ray://")
    if by_client and find_spec("grpc") is None:
        raise AqaError(
            f"{address}: Ray reaches such addresses by the package grpcio, which is not installed; "
            "install it with: pip install ray[client]; or give the command on a machine of the "
            "cluster, with --ray-address auto"
        )
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        with warnings.catch_warnings():
            if by_client:  # Ray warns of what it then raises as an error
                warnings.simplefilter("ignore", UserWarning)
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        first_line = str(error).partition("\n")[0]
        where = "; its client server must run there, and take the token of RAY_AUTH_TOKEN"
        raise AqaError(f"no Ray cluster ({address}): {first_line}{where * by_client}") from None
    finally:  # Ray puts its own handler there
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_sigterm)
    return ray


def _sent_files(ray: Any, job: WorkerJob) -> tuple[SentFile | None, ...]:
    """The weights and the code of a network, as far as they are files of the user's, and the file
    of an int8 network.
    """
    recipe = job.recipe
    weights = code = None
    if recipe.weights not in (None, "random"):
        path = Path(str(recipe.weights))
        config = path.with_name(CONFIG)
        beside = (_sent(ray, config),) if config.is_file() else ()
        weights = _sent(ray, path)._replace(beside=beside)
    if is_file(recipe.source):
        code = _sent(ray, file_path(recipe.source))
    int8 = job.settings.int8
    return weights, code, None if int8 is None else _sent(ray, int8.path)


def _sent(ray: Any, path: Path) -> SentFile:
    held = ray.put(path.read_bytes())
    fetch: Callable[[], bytes] = partial(ray.get, held)
    return SentFile(str(path), sha256_of(path), fetch)

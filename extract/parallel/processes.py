"""Workers that are processes of this machine, each started afresh."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe, wait

import numpy as np
from numpy.typing import NDArray

from aqa.extract.parallel.messages import Answer, Died, WorkerJob
from aqa.extract.parallel.pool import WorkerPool
from aqa.extract.video_encoder import VideoGroup

# How long a process that was told to end is waited for, in seconds.
_PATIENCE = 5.0
# The import path is that of this process: the folder it works in is no part of it by itself.
_PROGRAM = (
    "import sys; sys.path = [entry for entry in sys.path if entry]\n"
    "from aqa.extract.parallel.worker import main; main()"
)


class ProcessPool(WorkerPool):
    """A process for each job. Each holds a pipe to this one, and ends when that is closed.

    Only this process writes files of results, so that one that is killed can spoil none.
    """

    def __init__(self, jobs: Sequence[WorkerJob], n_held: int):
        super().__init__(len(jobs), n_held)
        self._jobs = jobs
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._pipes: dict[int, Connection] = {}

    def start(self, worker: int) -> None:
        """See `WorkerPool.start`."""
        ours, theirs = Pipe()
        job = self._jobs[worker]
        try:
            with _without_interrupts():
                self._processes[worker] = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env=_environment(job.threads),
                )
        finally:
            theirs.close()
        self._pipes[worker] = ours
        with suppress(OSError):  # it is dead already: that is noticed where answers are waited for
            ours.send(job)

    def begin(self, worker: int, blank: NDArray[np.float32]) -> None:
        """See `WorkerPool.begin`."""
        with suppress(OSError):
            self._pipes[worker].send(blank)

    def send(self, worker: int, group: VideoGroup) -> None:
        """See `WorkerPool.send`."""
        with suppress(OSError):
            self._pipes[worker].send(group)

    def answers(self) -> list[tuple[int, Answer]]:
        """See `WorkerPool.answers`."""
        numbers = {pipe: worker for worker, pipe in self._pipes.items()}
        return [
            (numbers[pipe], self._answer(numbers[pipe], pipe))
            for pipe in wait(list(numbers))
            if isinstance(pipe, Connection)
        ]

    def _answer(self, worker: int, pipe: Connection) -> Answer:
        try:
            answer: Answer = pipe.recv()
        except (EOFError, OSError):
            self._pipes.pop(worker).close()
            return Died(_how_ended(self._processes.pop(worker)))
        return answer

    def where(self, worker: int) -> str:
        """See `WorkerPool.where`."""
        return f"the worker process on {self._jobs[worker].device}"

    def close(self) -> None:
        """See `WorkerPool.close`."""
        for pipe in self._pipes.values():
            pipe.close()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            _end(process)
        self._pipes.clear()
        self._processes.clear()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes that are started meanwhile never see Ctrl-C: this one sees it, and ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(threads: int) -> dict[str, str]:
    """That of this process, with its import path, and so many threads for arithmetic."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads)}


def _how_ended(process: subprocess.Popen[bytes]) -> str:
    """How a process whose pipe is closed has ended, in words."""
    code = _end(process)
    if code >= 0:
        return f"it ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"it was killed by {name}{hint}"


def _end(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that is ending; one that does not is killed."""
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()

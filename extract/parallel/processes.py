"""Workers that are processes of this machine, each started afresh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aqa.extract.parallel.messages import Answer, Gone, WorkerJob
from aqa.extract.parallel.pool import WorkerPool
from aqa.extract.video_encoder import VideoGroup
from aqa.processes import Died, WorkerProcess


class ProcessPool(WorkerPool):
    """A process for each job; see `worker.py` for what it does.

    Only this process writes files of results, so that one that is killed can spoil none.
    """

    def __init__(self, jobs: Sequence[WorkerJob], n_held: int):
        super().__init__(len(jobs), n_held)
        self._jobs = jobs
        self._processes: dict[int, WorkerProcess] = {}

    def start(self, worker: int) -> None:
        """See `WorkerPool.start`."""
        job = self._jobs[worker]
        self._processes[worker] = WorkerProcess("aqa.extract.parallel.worker", job.threads)
        self._processes[worker].tell(job)

    def begin(self, worker: int, blank: NDArray[np.float32]) -> None:
        """See `WorkerPool.begin`."""
        self._processes[worker].tell(blank)

    def send(self, worker: int, group: VideoGroup) -> None:
        """See `WorkerPool.send`."""
        self._processes[worker].tell(group)

    def answers(self) -> list[tuple[int, Answer]]:
        """See `WorkerPool.answers`."""
        numbers = {process: worker for worker, process in self._processes.items()}
        heard = WorkerProcess.wait_for(list(numbers))
        return [(numbers[process], self._answer(numbers[process])) for process in heard]

    def _answer(self, worker: int) -> Answer:
        try:
            answer: Answer = self._processes[worker].answer()
        except Died as error:
            del self._processes[worker]
            return Gone(str(error))
        return answer

    def where(self, worker: int) -> str:
        """See `WorkerPool.where`."""
        return f"the worker process on {self._jobs[worker].device}"

    def close(self) -> None:
        """See `WorkerPool.close`."""
        WorkerProcess.end_all(list(self._processes.values()))
        self._processes.clear()

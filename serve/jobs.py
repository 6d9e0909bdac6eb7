"""Jobs wait for the one child in a line that is not longer than allowed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from aqa.serve.guard import RefusedError
from aqa.serve.metrics import Metrics
from aqa.serve.settings import Limits
from aqa.serve.worker import Answer, Worker


class JobLine:
    """Who waits for the child, and who is worked on.

    taken: how many places are taken, by jobs and by uploads that will be jobs.
    """

    def __init__(self, worker: Worker, limits: Limits, metrics: Metrics):
        self._worker, self._metrics = worker, metrics
        self._places = limits.waiting + 1
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aqa-serve")
        self._usual = 1.0  # seconds per job, a running mean
        self.taken = 0
        metrics.gauges["aqa_queue_length"] = lambda: float(self.taken)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place from before an upload is read until it is answered; or `RefusedError`."""
        if self.taken >= self._places:
            seconds = max(1, math.ceil(self._usual * self.taken))
            line = f"too many requests wait; try again in {seconds} s"
            raise RefusedError(429, line, {"retry-after": str(seconds)})
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def do(
        self, job: dict[str, Any], tell: Callable[[str, int], None] = lambda name, number: None
    ) -> Answer:
        """Have a job done, in its turn, while a place is held."""
        future = self._thread.submit(self._timed, job, tell)
        return await asyncio.wrap_future(future)

    def _timed(self, job: dict[str, Any], tell: Callable[[str, int], None]) -> Answer:
        began = time.perf_counter()
        answer = self._worker.ask(job, tell)
        took = time.perf_counter() - began
        self._usual += 0.2 * (took - self._usual)
        self._metrics.job(job["kind"], answer.status, took)
        return answer

    def close(self) -> None:
        """End the child, and turn away who waits."""
        self._worker.stop()
        self._thread.shutdown(cancel_futures=True)

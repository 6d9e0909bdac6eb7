"""Several workers at once: gives each its videos, and goes on where one dies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.parallel.messages import (
    Answer,
    Crashed,
    Done,
    Gone,
    Ready,
    Refused,
    WorkerCrash,
    check_versions,
)
from aqa.extract.parallel.work_queue import WorkQueue
from aqa.extract.video_encoder import Encoded, NumberedVideo, VideoGroup

# So many workers may die in a row before any has done a video.
_DEATHS = 3
# Videos that may wait for an older one to be written, per worker.
_AHEAD = 16


class WorkerPool(ABC):
    """Workers by their numbers, 0 <= i < n_workers; what they are and where is the subclass's.

    n_held: videos that a worker may hold at once, so that it need not wait for the next one.
    waits_for_all: whether an extraction begins when all are ready, not with the first.
    """

    waits_for_all = True

    def __init__(self, n_workers: int, n_held: int):
        self.n_workers, self.n_held = n_workers, n_held

    @abstractmethod
    def start(self, worker: int) -> None:
        """Start a worker, or start it anew after it died; it answers `Ready`."""

    @abstractmethod
    def begin(self, worker: int, blank: NDArray[np.float32]) -> None:
        """Tell a ready worker the response to a black clip that all are to use."""

    @abstractmethod
    def send(self, worker: int, group: VideoGroup) -> None:
        """Give a worker videos to encode; it answers `Done` for each. Nothing where it is dead."""

    @abstractmethod
    def answers(self) -> list[tuple[int, Answer]]:
        """Wait for the next answers, and give them with their workers' numbers."""

    @abstractmethod
    def where(self, worker: int) -> str:
        """What to call a worker in a message."""

    @abstractmethod
    def close(self) -> None:
        """End all workers, whatever they are doing."""


class PooledEncoding:
    """Videos encoded by a pool of workers. A context manager that ends them.

    wanted: the versions that each worker must have. blank: once they have started, the response to
    a black clip that all of them use.
    """

    def __init__(self, pool: WorkerPool, wanted: dict[str, str]):
        self._pool, self._wanted = pool, wanted
        self._held: dict[int, list[NumberedVideo]] = {}
        self._ready: set[int] = set()
        self._deaths = 0
        self._made: dict[int, dict[str, Any]] = {}
        self.blank: NDArray[np.float32]

    @property
    def made(self) -> list[dict[str, Any]]:
        """What each worker says of where it runs, see `provenance`."""
        return [self._made[worker] for worker in sorted(self._made)]

    def start(self) -> None:
        """Start the workers and wait until they are ready; `AqaError` where one cannot work."""
        for worker in range(self._pool.n_workers):
            self._pool.start(worker)
        needed = self._pool.n_workers if self._pool.waits_for_all else 1
        while len(self._ready) < needed:
            for worker, answer in self._pool.answers():
                self._take(worker, answer)

    def encode(self, videos: Sequence[Video]) -> Iterator[Encoded]:
        """What became of each video, once, in any order."""
        queue = WorkQueue(videos, max(_AHEAD, 2 * self._pool.n_held) * self._pool.n_workers)
        self._hand_out(queue)
        while not queue.is_finished:
            results = [
                result
                for worker, answer in self._pool.answers()
                for result in self._results(worker, answer, queue)
            ]
            self._hand_out(queue)  # before these are written: nobody is to wait for that
            yield from results

    def _results(self, worker: int, answer: Answer, queue: WorkQueue) -> list[Encoded]:
        if isinstance(answer, Done):
            self._deaths = 0
            number = answer.encoded.number
            held = self._held[worker]
            self._held[worker] = [one for one in held if one.number != number]
            return [answer.encoded] if queue.done(number) else []
        lost = self._held.get(worker, [])
        self._take(worker, answer)
        if not isinstance(answer, Gone):
            return []
        given_up = queue.lost(lost)
        return [
            Encoded(number, f"{video.where}: {self._pool.where(worker)} died twice: {answer.how}")
            for number, video in given_up
            if queue.done(number)
        ]

    def _take(self, worker: int, answer: Answer) -> None:
        """An answer that is not about a video."""
        if isinstance(answer, Ready):
            check_versions(answer.versions, self._wanted, self._pool.where(worker))
            if not self._made:
                self.blank = answer.blank
            self._made[worker] = answer.made
            self._pool.begin(worker, self.blank)
            self._ready.add(worker)
            self._held[worker] = []
        elif isinstance(answer, Refused):
            raise AqaError(answer.reason)
        elif isinstance(answer, Crashed):
            raise WorkerCrash(f"{self._pool.where(worker)}:\n{answer.trace}")
        elif isinstance(answer, Gone):
            self._deaths += worker not in self._ready
            if self._deaths >= _DEATHS:
                raise AqaError(
                    f"{self._pool.where(worker)} dies before it has begun: {answer.how}; "
                    "use fewer at once"
                )
            self._ready.discard(worker)
            self._held.pop(worker, None)
            self._pool.start(worker)

    def _hand_out(self, queue: WorkQueue) -> None:
        """Give every ready worker what it may hold; one more each, in turn."""
        gave = True
        while gave:
            gave = False
            for worker in sorted(self._ready, key=lambda number: len(self._held[number])):
                held = self._held[worker]
                if len(held) >= self._pool.n_held or any(queue.is_alone(n) for n, _ in held):
                    continue
                group = queue.take(not held)
                if group is not None:
                    held.extend(group)
                    self._pool.send(worker, group)
                    gave = True

    def __enter__(self) -> PooledEncoding:
        try:
            self.start()
        except BaseException:
            self._pool.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

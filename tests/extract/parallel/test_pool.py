"""Handing out videos: each once, in order, whatever becomes of the workers."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.parallel.messages import Answer, Crashed, Done, Gone, Ready, Refused, WorkerCrash
from aqa.extract.parallel.pool import PooledEncoding, WorkerPool
from aqa.extract.parallel.work_queue import WorkQueue, grouped, in_order
from aqa.extract.video_encoder import Encoded, VideoGroup

WANTED = {"aqa": "1", "torch": "2"}


def some(n: int) -> list[Video]:
    return [Video(f"v{i}", Path(f"v{i}.avi"), 1.0) for i in range(n)]


class FakePool(WorkerPool):
    """Workers that do one video per round, the last worker first.

    deadly: numbers of videos -> how often they kill the worker that begins them.
    """

    def __init__(self, n_workers: int = 2, n_held: int = 2, deadly: dict[int, int] | None = None):
        super().__init__(n_workers, n_held)
        self.deadly = deadly or {}
        self.starts = 0
        self.most_ahead = 0
        self.closed = False
        self.versions = dict(WANTED)
        self.first: deque[tuple[int, Answer]] = deque()
        self._tasks: dict[int, deque[int]] = {}

    def start(self, worker: int) -> None:
        self.starts += 1
        self._tasks[worker] = deque()
        ready = Ready(np.full(1, worker, np.float32), {"device": f"d{worker}"}, self.versions)
        self.first.append((worker, ready))

    def begin(self, worker: int, blank: np.ndarray) -> None:
        assert blank == 0  # that of the first that was ready

    def send(self, worker: int, group: VideoGroup) -> None:
        self._tasks[worker].extend(number for number, _ in group)
        assert len(self._tasks[worker]) <= self.n_held

    def answers(self) -> list[tuple[int, Answer]]:
        if self.first:
            return [self.first.popleft()]
        found: list[tuple[int, Answer]] = []
        for worker, tasks in sorted(self._tasks.items(), reverse=True):
            if not tasks:
                continue
            number = tasks.popleft()
            if self.deadly.get(number, 0) > 0:
                self.deadly[number] -= 1
                self._tasks[worker] = deque()
                found.append((worker, Gone("it was killed by SIGKILL")))
            else:
                found.append((worker, Done(Encoded(number))))
        assert found, "it waits for ever"
        return found

    def where(self, worker: int) -> str:
        return f"worker {worker}"

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("n_workers", [1, 2, 5])
@pytest.mark.parametrize("n_held", [1, 2, 9])
def test_every_video_comes_once_and_in_order(n_workers: int, n_held: int) -> None:
    pool = FakePool(n_workers, n_held)
    with PooledEncoding(pool, WANTED) as pooled:
        numbers = [one.number for one in in_order(pooled.encode(some(40)))]
    assert numbers == list(range(40))
    assert pool.closed
    assert [made["device"] for made in pooled.made] == [f"d{i}" for i in range(n_workers)]


def test_a_worker_that_dies_loses_nothing() -> None:
    pool = FakePool(deadly={3: 1, 4: 1, 17: 1})
    with PooledEncoding(pool, WANTED) as pooled:
        found = list(in_order(pooled.encode(some(20))))
    assert [one.number for one in found] == list(range(20))
    assert [one.failure for one in found] == [None] * 20
    assert pool.starts == 2 + 3


def test_a_video_that_kills_two_workers_is_reported_and_it_alone() -> None:
    pool = FakePool(n_held=9, deadly={5: 9})
    with PooledEncoding(pool, WANTED) as pooled:
        found = list(in_order(pooled.encode(some(12))))
    failed = {one.number: one.failure for one in found if one.failure}
    assert list(failed) == [5]
    assert str(failed[5]).startswith("v5.avi: worker ")
    assert str(failed[5]).endswith(" died twice: it was killed by SIGKILL")


def test_a_pool_whose_workers_die_at_once_is_given_up() -> None:
    pool = FakePool()
    pool.first.extend([(0, Gone("it ended with exit code 1"))] * 3)
    with pytest.raises(AqaError, match="worker 0 dies before it has begun: it ended with exit"):
        PooledEncoding(pool, WANTED).start()


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (Refused("w.pt: no such weights file"), AqaError, "^w.pt: no such weights file$"),
        (Crashed("Traceback: device lost"), WorkerCrash, "worker 1:\nTraceback: device lost"),
        (Ready(np.zeros(1), {}, {"aqa": "1", "torch": "3"}), AqaError, "torch is 3, not 2"),
    ],
)
def test_what_stops_an_extraction(answer: Answer, error: type[Exception], text: str) -> None:
    pool = FakePool()
    pool.first.append((1, answer))
    with pytest.raises(error, match=text), PooledEncoding(pool, WANTED):
        pass
    assert pool.closed


def test_actions_of_one_file_are_handed_out_together() -> None:
    videos = [Video(f"a{i}", Path("a.mp4"), 1.0, start_frame=i) for i in range(11)]
    groups = [[number for number, _ in group] for group in grouped([*some(2), *videos])]
    assert groups == [[0], [1], [2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12]]


def test_no_more_than_so_many_wait_for_the_oldest() -> None:
    queue = WorkQueue(some(9), ahead=2)
    taken = [queue.take(True) for _ in range(4)]
    assert [group[0].number for group in taken if group] == [0, 1, 2]
    queue.done(1)
    assert queue.take(True) is None
    queue.done(0)
    group = queue.take(True)
    assert group is not None
    assert group[0].number == 3


def test_a_video_that_comes_twice_is_done_once() -> None:
    queue = WorkQueue(some(1), ahead=2)
    assert queue.done(0)
    assert not queue.done(0)
    assert queue.is_finished

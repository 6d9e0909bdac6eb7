from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from aqa.extract.video.prefetch import prefetched, read_ahead


class Stream:
    def __init__(self, name: int, n: int, fail: bool = False):
        self.name, self.n, self.fail = name, n, fail
        self.thread: int | None = None

    def __iter__(self) -> Iterator[tuple[int, int]]:
        self.thread = threading.get_ident()
        for i in range(self.n):
            yield self.name, i
        if self.fail:
            raise ValueError(f"stream {self.name}")


@pytest.mark.parametrize("workers", [0, 1, 3, 50])
def test_order_is_kept_and_errors_stay_with_their_stream(workers: int) -> None:
    streams = [Stream(k, n=k * 3 % 11, fail=k == 4) for k in range(20)]
    seen, failed = [], []
    for stream, items in prefetched(streams, workers, depth=2):
        try:
            for item in items:
                seen.append(item)
        except ValueError as error:
            failed.append((stream.name, str(error)))
    assert seen == [(k, i) for k in range(20) for i in range(k * 3 % 11)]
    assert failed == [(4, "stream 4")]


def test_workers_read_in_threads_of_their_own() -> None:
    streams = [Stream(k, 2) for k in range(3)]
    for _, items in prefetched(streams, 2):
        list(items)
    assert threading.get_ident() not in {stream.thread for stream in streams}


def test_threads_end_when_the_reader_gives_up() -> None:
    before = threading.active_count()
    for _ in prefetched([Stream(k, 10_000) for k in range(4)], 4, depth=1):
        break
    assert threading.active_count() == before


def test_no_more_is_read_ahead_than_asked_for() -> None:
    given = [0] * 5

    def stream(k: int) -> Iterator[int]:
        for i in range(100):
            given[k] += 1
            yield i

    made = prefetched([stream(k) for k in range(5)], workers=2, depth=3)
    _, first = next(made)
    items = iter(first)
    assert next(items) == 0
    deadline = time.monotonic() + 10
    while (given[0] < 5 or given[1] < 4) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.25)
    # One was taken, three wait, and one more is held by the thread that waits to put it down.
    assert given == [5, 4, 0, 0, 0]
    made.close()
    assert max(given) <= 6


def test_items_are_read_ahead_by_a_thread_that_ends_with_their_reader() -> None:
    before, given = threading.active_count(), []

    def items() -> Iterator[int]:
        for i in range(100):
            given.append(threading.get_ident())
            yield i

    assert list(read_ahead(items())) == list(range(100))
    assert threading.get_ident() not in given
    given.clear()
    made = read_ahead(items(), depth=3)
    assert next(made) == 0
    deadline = time.monotonic() + 10
    while len(given) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    assert len(given) == 5  # one was taken, three wait, one is held by the thread
    made.close()
    assert threading.active_count() == before

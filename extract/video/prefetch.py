"""Several streams at once: each is read ahead in a thread, and they are consumed in order."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
S = TypeVar("S", bound="Iterable[Any]")


class _End:
    pass


class _Ahead(Generic[T]):
    """One stream, read by one thread, at most `depth` items ahead of its reader."""

    def __init__(self, stream: Iterable[T], depth: int):
        self._items: queue.Queue[T | BaseException | _End] = queue.Queue(depth)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream: Iterable[T]) -> None:
        try:
            for item in stream:
                if not self._put(item):
                    return
            self._put(_End())
        except BaseException as error:
            self._put(error)

    def _put(self, item: T | BaseException | _End) -> bool:
        while not self._stopped.is_set():
            try:
                self._items.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._items.get()
            if isinstance(item, _End):
                return
            if isinstance(item, BaseException):
                raise item
            yield item

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def read_ahead(items: Iterable[T], depth: int = 4) -> Iterator[T]:
    """The same items, made by a thread that is at most `depth` of them ahead."""
    ahead = _Ahead(items, depth)
    try:
        yield from ahead
    finally:
        ahead.stop()


def prefetched(
    streams: Iterable[S], workers: int, depth: int = 4
) -> Iterator[tuple[S, Iterable[T]]]:
    """Yield each stream, in order, with its items, while up to `workers` of them are read ahead.

    Each is read by one thread, at most `depth` items ahead; its error is raised where its reader
    gets to it. With no workers the streams are read in place.
    """
    waiting = iter(streams)
    return taken_ahead(lambda wait: next(waiting, None), workers, depth)


def taken_ahead(
    take: Callable[[bool], S | None], workers: int, depth: int = 4
) -> Iterator[tuple[S, Iterable[T]]]:
    """The same of streams that are not all known yet, as `take` gives them.

    take(wait): the next stream; None where there is none yet or, if it may wait, no more. It is
    not waited for while others are being read.
    """
    if workers < 1:
        while (stream := take(True)) is not None:
            yield stream, stream
        return
    running: deque[tuple[S, _Ahead[T]]] = deque()
    try:
        while True:
            while len(running) < workers and (stream := take(not running)) is not None:
                running.append((stream, _Ahead(stream, depth)))
            if not running:
                return
            yield running[0]
            running.popleft()[1].stop()
    finally:
        for _, ahead in running:
            ahead.stop()

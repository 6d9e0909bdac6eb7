"""Several actions of one file: read in one pass where going on is cheaper than seeking."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aqa.extract.video.frame_index import frame_index
from aqa.extract.video.reader import FrameReader


class Action(NamedTuple):
    """Frames `start <= i < stop` of a file; stop None: to its end."""

    path: Path
    start: int = 0
    stop: int | None = None


def in_file_order(actions: Sequence[Action]) -> list[int]:
    """The numbers of actions in the order that decodes least: those of one file by their start.

    Files come in the order of their first action. Actions of a file of which no start is asked
    for stay where they are.
    """
    parts = {action.path for action in actions if action.start}
    first: dict[Path, int] = {}
    for number, action in enumerate(actions):
        first.setdefault(action.path, number)

    def place(number: int) -> tuple[int, int, int]:
        action = actions[number]
        if action.path not in parts:
            return number, 0, 0
        return first[action.path], action.start, number

    return sorted(range(len(actions)), key=place)


class SharedReaders:
    """Hands the open reader of a file from one action to the next.

    actions: in the order in which they will be read. threads: that read some at once.
    """

    def __init__(
        self, actions: Sequence[Action], index_folder: Path | None = None, threads: int = 0
    ):
        self.index_folder = index_folder
        self._waits = threads > 1  # else the action before has ended, one way or another
        self.actions = tuple(actions)
        self._finished = [threading.Event() for _ in self.actions]
        self._left = Counter(action.path for action in self.actions)
        self._idle: dict[Path, FrameReader] = {}
        self._lock = threading.Lock()
        self._before: list[int | None] = []
        last: dict[Path, int] = {}
        for number, action in enumerate(self.actions):
            self._before.append(last.get(action.path))
            last[action.path] = number

    def take(self, number: int) -> FrameReader:
        """A reader for this action; waits for that of the one before it, where it is to go on."""
        action, before = self.actions[number], self._before[number]
        if self._waits and before is not None and self._goes_on(self.actions[before].stop, action):
            self._finished[before].wait()
        with self._lock:
            reader = self._idle.pop(action.path, None)
        return reader or FrameReader(action.path, self.index_folder)

    def _goes_on(self, position: int | None, action: Action) -> bool:
        """Whether to decode from `position` to the action's start costs no more than to seek."""
        if position is None or position > action.start:
            return False
        keys = frame_index(action.path, self.index_folder).keys_before(action.start)
        return not keys or keys[0] <= position

    def give(self, number: int, reader: FrameReader) -> None:
        """Hand back a reader that was taken; it is kept open while its file is still needed."""
        path = self.actions[number].path
        with self._lock:
            needed = self._left[path] > 1 and path not in self._idle
            if needed:
                self._idle[path] = reader
        if not needed:
            reader.close()

    def finish(self, number: int) -> None:
        """This action will ask for no more frames: call it once, whatever came of it."""
        path = self.actions[number].path
        with self._lock:
            self._left[path] -= 1
            idle = self._idle.pop(path, None) if self._left[path] <= 0 else None
        if idle is not None:
            idle.close()
        self._finished[number].set()

"""What a worker process does, which `processes.py` starts with its end of a pipe.

It is told its job, then the response to a black clip, then groups of
videos; it answers as `messages.py` says. When the pipe is closed, it ends at once, whatever it is
doing, so that none outlives the process that started it.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
import warnings
from multiprocessing.connection import Connection
from typing import Any

import cv2

from aqa.errors import AqaError, AqaWarning
from aqa.extract.parallel.messages import Answer, Crashed, Done, Refused, WorkerJob, WorkerNetwork
from aqa.extract.video_encoder import VideoGroup


class _Inbox:
    """What comes through the pipe, read by a thread as it comes."""

    def __init__(self, pipe: Connection):
        self._pipe = pipe
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                item = self._pipe.recv()
            except (EOFError, OSError):
                os._exit(0)
            self._items.put(item)

    def get(self) -> Any:
        """The next item; waits for it."""
        return self._items.get()

    def take(self, wait: bool) -> VideoGroup | None:
        """The next group of videos; None where there is none yet and it may not `wait`."""
        try:
            group: VideoGroup = self._items.get(block=wait)
        except queue.Empty:
            return None
        return group


def main() -> None:
    """Do what comes through the pipe that the command line names, until it is closed."""
    pipe = Connection(int(sys.argv[1]))
    inbox = _Inbox(pipe)
    job: WorkerJob = inbox.get()
    cv2.setNumThreads(job.threads)
    warnings.simplefilter("ignore", AqaWarning)  # the first process has told them
    try:
        network = WorkerNetwork(job)
        _tell(pipe, network.ready())
        for encoded in network.encoder(inbox.get()).encode(inbox.take):
            _tell(pipe, Done(encoded))
    except AqaError as error:
        _tell(pipe, Refused(str(error)))
    except Exception:
        _tell(pipe, Crashed(traceback.format_exc()))


def _tell(pipe: Connection, answer: Answer) -> None:
    try:
        pipe.send(answer)
    except OSError:
        os._exit(0)  # nobody listens any more

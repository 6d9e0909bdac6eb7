"""The child process as the server sees it: started, asked, watched, ended and started again."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from aqa.errors import AqaError
from aqa.serve.limited_process import resident_bytes
from aqa.serve.settings import MEGABYTE, Limits, ServedModel

# Seconds that the model may take to open: networks may have to be downloaded.
_OPENING = 600.0
# Seconds between two looks at a child that works.
_LOOK = 0.2
# Bytes of memory that a child may hold beyond its limit before it is ended: limits of address
# space, where there are such, refuse before.
_SPARE = 256 * MEGABYTE


@dataclass(frozen=True)
class Answer:
    """What became of a job.

    status: as of HTTP; 200 where it was done. value: the answer, or `{"detail": line}`. page: HTML,
    where a page was asked for.
    """

    status: int
    value: dict[str, Any]
    page: bytes = b""


def refusal(status: int, line: str) -> Answer:
    """An answer that says in one line why there is none."""
    return Answer(status, {"detail": line})


class Worker:
    """One child process; `ask` is for one thread at a time.

    restarts: how often it had to be started again. facts: what the child says of its model.
    """

    def __init__(self, model: ServedModel, limits: Limits):
        self._model, self._limits = model, limits
        self._process: Any = None
        self._pipe: Connection | None = None
        self._begin = 0
        self._ended = False
        self.restarts = 0
        self.facts: dict[str, Any] = {}

    @property
    def is_ready(self) -> bool:
        """Whether it can be asked now."""
        process = self._process  # another thread may end it
        return self._pipe is not None and process is not None and process.is_alive()

    @property
    def memory(self) -> int | None:
        """Bytes that it holds; None where that is not known."""
        process = self._process
        return None if process is None else resident_bytes(process.pid)

    def start(self) -> None:
        """Start the child and wait until its model is open; `AqaError` where that fails."""
        from aqa.serve.child_main import main

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=main, args=(theirs, self._model, self._limits), daemon=True
        )
        with _no_interrupts():
            self._process.start()
        theirs.close()
        if not self._pipe.poll(_OPENING):
            self._end()
            raise AqaError(f"the model did not open within {_OPENING:g} s")
        try:
            said = json.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            said = {"unready": "the process that opens the model ended; see above why"}
        if "ready" not in said:
            self._end()
            raise AqaError(said["unready"])
        self.facts = said["ready"]
        self._begin = self.memory or 0

    def ask(self, job: dict[str, Any], tell: Callable[[str, int], None]) -> Answer:
        """Have a job done. tell: is called with the name and number of what is worked on."""
        if self._ended:
            return refusal(503, "the server is ending")
        if not self.is_ready:
            self._end()
            self.restarts += 1
            try:
                self.start()
            except AqaError as error:
                return refusal(503, f"the model cannot be opened: {error}")
        seconds = self._limits.seconds * max(len(job["files"]), 1)
        try:
            pipe = self._pipe
            if pipe is None:
                raise EOFError
            pipe.send_bytes(json.dumps(job).encode())
            return self._await(pipe, seconds, tell)
        except _TakesTooMuch as error:
            self._end()
            return refusal(422, str(error))
        except (EOFError, OSError, ValueError, KeyError, TypeError):  # ended, or speaks no sense
            self._end()
            if self._ended:
                return refusal(503, "the server is ending")
            return refusal(422, "the process that decodes failed at it; it is no sound video")

    def _await(self, pipe: Connection, seconds: float, tell: Callable[[str, int], None]) -> Answer:
        until = time.monotonic() + seconds
        while True:
            self._watch(until, seconds)
            if not pipe.poll(_LOOK):
                continue
            said = json.loads(pipe.recv_bytes())
            if "progress" in said:
                tell(said["progress"], said["number"])
            elif "refused" in said:
                return refusal(422, said["refused"])
            elif "fault" in said:
                return refusal(500, f"a fault of aqa ({said['fault']}); its log says more")
            else:
                page = pipe.recv_bytes() if said["page"] else b""
                return Answer(200, said["answer"], page)

    def _watch(self, until: float, seconds: float) -> None:
        """Raise where the child takes more time or memory than it may."""
        if time.monotonic() > until:
            raise _TakesTooMuch(f"it takes more than the {seconds:g} s that are allowed")
        allowed = self._limits.memory
        if (self.memory or 0) > self._begin + allowed + _SPARE:
            raise _TakesTooMuch(
                f"it takes more than the {allowed // MEGABYTE} MB of memory that are allowed"
            )

    def stop(self) -> None:
        """End the child, also while it works; it is not started again."""
        self._ended = True
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if process is not None:
            process.kill()
            process.join(5)
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


class _TakesTooMuch(Exception):
    """The child is to be ended; says why in a line."""


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Have a child started that Ctrl-C, which all processes of a terminal get, passes by."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

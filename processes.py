"""Processes beside this one that do a part of its work, each at the other end of a pipe."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

# How long a process that was told to end is waited for, in seconds.
_PATIENCE = 5.0
# The import path is that of this process: the folder it works in is no part of it by itself.
_PROGRAM = (
    "import sys; sys.path = [entry for entry in sys.path if entry]\n"
    "from importlib import import_module\n"
    "import_module(sys.argv[1]).main()"
)
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Died(Exception):
    """A process is gone without a word; the text says how, such as `it was killed by SIGKILL`."""


class WorkerProcess:
    """A fresh Python that runs `main()` of a module, which answers through an `Inbox`.

    It never sees Ctrl-C: this process does, and ends it. It ends by itself, whatever it is doing,
    when this process is gone. threads: that its arithmetic uses, where it runs on a CPU.
    """

    def __init__(self, module: str, threads: int):
        self._pipe, theirs = Pipe()
        try:
            with _without_interrupts():
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM, module, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env=_environment(threads),
                )
        finally:
            theirs.close()

    def tell(self, message: object) -> None:
        """Send a message; one that is dead gets none, which `answer` says."""
        with suppress(OSError):
            self._pipe.send(message)

    def answer(self) -> Any:
        """Wait for its next answer; `Died` where there will be none."""
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            self._pipe.close()
            raise Died(_how_ended(self._wait())) from None

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._pipe.close()
        self._process.terminate()

    def _wait(self) -> int:
        try:
            return self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    @staticmethod
    def wait_for(processes: list[WorkerProcess]) -> list[WorkerProcess]:
        """Wait until some have answered or died, and give these."""
        pipes = {process._pipe: process for process in processes}
        return [pipes[pipe] for pipe in wait(list(pipes)) if isinstance(pipe, Connection)]

    @staticmethod
    def end_all(processes: list[WorkerProcess]) -> None:
        """End several, and wait until they have."""
        for process in processes:
            process.end()
        for process in processes:
            process._wait()


class Inbox:
    """In such a process: what it is told, and how it answers.

    A thread reads what comes; when the process that started this one is gone, it ends this one.
    """

    def __init__(self) -> None:
        self._pipe = Connection(int(sys.argv[2]))
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
        """The next message; waits for it."""
        return self._items.get()

    def take(self, wait: bool) -> Any:
        """The next message; None where there is none yet and it may not `wait`."""
        try:
            return self._items.get(block=wait)
        except queue.Empty:
            return None

    def answer(self, message: object) -> None:
        """Tell the process that started this one."""
        try:
            self._pipe.send(message)
        except OSError:
            os._exit(0)  # nobody listens any more


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started meanwhile blocks Ctrl-C; here it comes a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment(threads: int) -> dict[str, str]:
    """That of this process, with its import path, and so many threads for arithmetic."""
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(_THREADS, str(threads))}


def _how_ended(code: int) -> str:
    """How a process has ended, in words."""
    if code >= 0:
        return f"it ended with exit code {code}"
    name = signal.Signals(-code).name
    hint = ", as the system does where memory runs out" if name == "SIGKILL" else ""
    return f"it was killed by {name}{hint}"

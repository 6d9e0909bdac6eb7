"""What the routes of the app share."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from aqa.serve.jobs import JobLine
from aqa.serve.kept import Reports
from aqa.serve.metrics import Metrics
from aqa.serve.settings import Limits
from aqa.serve.worker import Worker


@dataclass(frozen=True)
class Server:
    """The worker, the line before it, and what is kept.

    uploads: a folder that nobody else can read, gone when the server ends.
    """

    worker: Worker
    line: JobLine
    reports: Reports
    limits: Limits
    metrics: Metrics
    uploads: Path

    def folder(self, stack: ExitStack) -> Path:
        """A folder for the files of one request, gone with all of them when `stack` is closed."""
        made = tempfile.TemporaryDirectory(dir=self.uploads, ignore_cleanup_errors=True)
        return Path(stack.enter_context(made))

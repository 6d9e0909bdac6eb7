"""A log for machines: one JSON object per line, added as it happens."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aqa.files import WriteError, make_folder


class EventLog:
    """Adds events to a file, each at once; a file that is there already is continued.

    path: also a pipe or a device, such as /dev/stderr. `WriteError` where it cannot be written.
    """

    def __init__(self, path: Path):
        self._path = path
        try:
            make_folder(path.parent)
            is_torn = path.is_file() and path.stat().st_size > 0 and _last_byte(path) != b"\n"
            self._file = path.open("a", encoding="utf-8")
            if is_torn:  # by a kill
                self._file.write("\n")
        except OSError as error:
            raise WriteError(f"{path}: {error.strerror or error}; name another file") from None

    def write(self, event: str, **values: Any) -> None:
        """Add an event: its name, the time (UTC), and what is known of it."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        try:
            print(json.dumps({"event": event, "time": now, **values}), file=self._file, flush=True)
        except OSError as error:
            raise WriteError(f"{self._path}: {error.strerror or error}") from None

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1)

"""A CSV that grows row by row while something runs, so that it can be read meanwhile."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqa.files import WriteError, make_folder, write_rows


class GrowingTable:
    """Adds rows to a new file, each at once; a row with other columns begins the file anew.

    A cell is empty where its row has no such value. The file takes the place of an earlier one.
    `WriteError` where it cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self._rows: list[dict[str, Any]] = []
        self.remove()

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; the first one makes the file."""
        known = set(self._rows[0]) if self._rows else set()
        self._rows.append(dict(row))
        if {*row} <= known:
            self._append(row)
            return
        make_folder(self.path.parent)
        names = dict.fromkeys(name for one in self._rows for name in one)
        self._rows = [{name: one.get(name) for name in names} for one in self._rows]
        write_rows(self.path, self._rows)

    def _append(self, row: Mapping[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                csv.DictWriter(file, [*self._rows[0]], lineterminator="\n").writerow(row)
        except OSError as error:
            raise WriteError(f"{self.path}: {error.strerror or error}") from None

    def remove(self) -> None:
        """Remove the file: what it told is kept elsewhere."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"{self.path}: {error.strerror or error}") from None

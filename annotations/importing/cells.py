"""Text tables of a dataset, row by row: each value is checked where it is read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.importing.loose_table import read_loose_table
from aqa.errors import AqaError, listed


@dataclass(frozen=True)
class Cells:
    """One row of a table: name of the column -> text. number: of the row in the file, from 1."""

    path: Path
    number: int
    texts: dict[str, str]

    def problem(self, name: str, expected: str) -> AqaError:
        """The error that a value is not what was expected."""
        where = f"{self.path}: row {self.number}, column {name}"
        return AqaError(f"{where}: {self.texts[name]!r} is not {expected}")

    def value(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """The number of a column; `AqaError` where it is none, or not from `low` to `high`."""
        try:
            value = float(self.texts[name])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.problem(name, "a finite number")
        if not low <= value <= high:
            raise self.problem(name, f"from {low:g} to {high:g}, as published")
        return value

    def whole(self, name: str) -> int:
        """The whole number of a column; `AqaError` where it is none."""
        value = self.value(name)
        if value != int(value):
            raise self.problem(name, "a whole number")
        return int(value)

    def text(self, name: str) -> str | None:
        """The text of a column, or None where it is empty."""
        return self.texts[name] or None


def read_cells(path: Path, names: Sequence[str], has_header: bool) -> list[Cells]:
    """The rows of a table with these columns, in this order, whatever separates them.

    has_header: whether its first row names the columns; they must then begin with the names that
    are published, and columns without a name get those of `names`. `AqaError` otherwise.
    """
    table = read_loose_table(path, () if has_header else names)
    if has_header:
        found = [name for name in table.header if name not in table.unnamed]
        if found != list(names[: len(found)]) or len(table.header) != len(names):
            raise AqaError(
                f"{path}: its columns are {listed(table.header, 20)}, not {listed(names, 20)}; "
                "another table comes in with `aqa import csv`"
            )
    rows = []
    for number, values in table.rows:
        if len(values) != len(names):
            raise AqaError(
                f"{path}: row {number}: {len(values)} values, not {len(names)} ({', '.join(names)})"
            )
        rows.append(Cells(path, number, dict(zip(names, values, strict=True))))
    return rows


def by_id(rows: Sequence[Cells], name: str) -> dict[str, Cells]:
    """The rows by the text of a column; `AqaError` where one is empty or stands there twice."""
    found: dict[str, Cells] = {}
    for row in rows:
        key = row.texts[name]
        if not key:
            raise row.problem(name, "the name of a video")
        if key in found:
            raise row.problem(name, f"a new one: row {found[key].number} has it already")
        found[key] = row
    return found

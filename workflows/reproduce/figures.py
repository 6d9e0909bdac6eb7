"""The figures that the five papers print, one a row of figures.csv."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files
from typing import NamedTuple


class Figure(NamedTuple):
    """One cell of a published table.

    table: paper and number, as `jain2020-2`. system, dataset: as printed. case: the cell's column:
    a split, a type, a stage. metric: as `models/metrics.py` calls it. value: with the digits that
    are printed.
    """

    table: str
    system: str
    dataset: str
    case: str
    metric: str
    value: float


@functools.cache
def published_figures() -> tuple[Figure, ...]:
    """All of them, in the papers' order."""
    text = files("aqa.workflows.reproduce").joinpath("figures.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(Figure(**{**row, "value": float(row["value"])}) for row in rows)  # type: ignore[arg-type]

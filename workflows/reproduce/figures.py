"""The figures that the five papers print, one per row of figures.csv."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files
from typing import NamedTuple


class PublishedFigure(NamedTuple):
    """One cell of a published table.

    table: the paper's key and the table's number, such as `jain2020-2`. system, dataset: as
    printed. case: the cell's column: a split, a type, a stage. metric: its name in
    `aqa.evaluation.metric`. value: with the digits that are printed.
    """

    table: str
    system: str
    dataset: str
    case: str
    metric: str
    value: float


@functools.cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """All published figures, in the order of the papers."""
    text = files("aqa.workflows.reproduce").joinpath("figures.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(PublishedFigure(**{**row, "value": float(row["value"])}) for row in rows)  # type: ignore[arg-type]

"""The figures that papers print: of the five in figures.csv, of others in other_figures.csv."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files
from typing import NamedTuple


class PublishedFigure(NamedTuple):
    """One cell of a published table.

    table: the paper's key and the table's number, such as `jain2020-2`. system, dataset: as
    printed. case: the cell's column: a split, a type, a stage. metric: its name in
    `aqa.evaluation.metric`. value: with the digits that are printed; None where the paper prints it
    and no text that holds it was at hand. source: where it was read, where that is not the table of
    the paper; or why it was not.
    """

    table: str
    system: str
    dataset: str
    case: str
    metric: str
    value: float | None
    source: str = ""


@functools.cache
def published_figures() -> tuple[PublishedFigure, ...]:
    """All figures of the five papers, in the order of the papers."""
    return _read("figures.csv")


@functools.cache
def other_figures() -> tuple[PublishedFigure, ...]:
    """Figures of the papers whose heads are here besides; each says where it was read."""
    return _read("other_figures.csv")


def _read(name: str) -> tuple[PublishedFigure, ...]:
    text = files("aqa.workflows.reproduce").joinpath(name).read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(_figure(row) for row in rows)


def _figure(row: dict[str, str]) -> PublishedFigure:
    value = float(row["value"]) if row["value"] else None
    return PublishedFigure(**{**row, "value": value})  # type: ignore[arg-type]

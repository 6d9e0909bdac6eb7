"""The cells of a published table: what is printed, and what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.figures import (
    PublishedFigure,
    other_figures,
    published_figures,
)

LAST = ", last iteration"


class Measurement(NamedTuple):
    """A measured value, with its 95 % interval over the test videos.

    The mean over several splits (or networks, or draws: `over`) has their standard deviation
    instead. value: None where the metric is undefined.
    """

    value: float | None
    interval: Sequence[float] | None = None
    std: float | None = None
    splits: int = 1
    over: str = "splits"


# (case, metric, measurement) of a recipe.
Measurements = Iterator[tuple[str, str, Measurement]]


@dataclass(frozen=True)
class ReproducedCell:
    """A printed figure beside what was measured; None where it was not."""

    figure: PublishedFigure
    measured: Measurement | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON and CSV have it."""
        row: dict[str, Any] = self.figure._asdict()
        row["printed"] = row.pop("value")
        if not row["source"]:
            del row["source"]
        if self.measured is None or self.measured.value is None:
            return row
        value, interval, std, splits, over = self.measured
        low, high = interval or (None, None)
        row["measured"] = value
        if row["printed"] is not None:
            row["difference"] = value - row["printed"]
        return row | {"low": low, "high": high, "std": std, over: splits}


@dataclass(frozen=True)
class Reproduction:
    """A table as it came out: its cells, why parts of it did not run, and its recipes' notes."""

    table: PublishedTable
    cells: list[ReproducedCell]
    failed: list[str]
    notes: list[str]
    stand_in: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON takes."""
        return {
            "table": self.table.name,
            "title": self.table.title,
            "stand_in": self.stand_in,
            "selected": self.table.selected,
            "notes": self.notes,
            "not_run": self.failed,
            "cells": [cell.to_dict() for cell in self.cells],
        }


def printed_figures(table: PublishedTable) -> list[PublishedFigure]:
    """The figures that the paper prints in a table, with those that could not be read."""
    key = (table.figures, table.dataset)
    every = (*published_figures(), *other_figures())
    return [one for one in every if (one.table, one.dataset) == key]


def read_figures(table: PublishedTable) -> list[PublishedFigure]:
    """Those of the figures of a table whose value is known."""
    return [figure for figure in printed_figures(table) if figure.value is not None]


def sources(table: PublishedTable) -> list[str]:
    """Where the figures of a table were read, or why not: a line for each, with its systems."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    for figure in printed_figures(table):
        if figure.source:
            said = "read in" if figure.value is not None else "not read"
            places.setdefault((said, figure.source), {})[figure.system] = None
    return [f"{said}: {'; '.join(systems)}: {place}" for (said, place), systems in places.items()]


def with_measured(
    figure: PublishedFigure,
    measured: Mapping[tuple[str, str, str], Measurement],
    readings: Iterable[str] = (LAST,),
) -> Iterator[ReproducedCell]:
    """A figure's cell, and one more for each other reading of it that was measured.

    measured: (system, case, metric) -> measurement. readings: what follows the figure's case in
    the cases of other readings.
    """
    for case in (figure.case, *(figure.case + reading for reading in readings)):
        value = measured.get((figure.system, case, figure.metric))
        if value or case == figure.case:
            yield ReproducedCell(figure._replace(case=case), value)


def noted(table: PublishedTable, notes: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each thing that differs from the paper: those of the table, then of its systems.

    notes: (system, note); the systems of one note share its line.
    """
    systems: dict[str, dict[str, None]] = {}
    for system, note in notes:
        if note:
            systems.setdefault(note, {})[system] = None
    return [*table.notes, *(f"{'; '.join(names)}: {note}" for note, names in systems.items())]

"""The picture of what each fragment of an action tells of the score (li2018end Fig. 2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aqa.number_text import fixed
from aqa.report.figures import BEHIND_TEXT, FAULTY, INK, SOUND, fitted, style

STEP, LEAST, HEIGHT = 0.62, 5.0, 3.6  # inches


@style()
def fragments_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Spearman correlation of each fragment with its deviation; of all fragments as a line.

    rows: of `aqa.workflows.single_fragments.fit_each_fragment`; where the correlation is undefined,
    the place stays empty and the line is broken.
    """
    single = [row for row in rows if row["fragment"] != "all"]
    figure = Figure((max(LEAST, STEP * len(single) + 1.2), HEIGHT), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=INK, linewidth=0.5)
    values = _numbers(single, "spearman")
    deviations = _numbers(single, "spearman_std")
    axes.errorbar(
        range(len(single)),
        values,
        None if np.isnan(deviations).all() else deviations,
        color=SOUND,
        ecolor=INK,
        elinewidth=0.8,
        marker="o",
        capsize=3,
        label=_label(single),
    )
    for x, (value, following) in enumerate(zip(values, [*values, np.nan][1:], strict=True)):
        if not np.isnan(value):
            # Beside the mark, on the side that the line leaves free.
            axes.annotate(
                fixed(value, 2).replace("-", "\N{MINUS SIGN}"),
                (x, value),
                (5, -5 if following > value else 5),
                textcoords="offset points",
                va="top" if following > value else "bottom",
                bbox=BEHIND_TEXT,
            )
    for row in rows:
        if row["fragment"] == "all" and row["spearman"] is not None:
            label = f"all fragments together: {fixed(row['spearman'], 2)}"
            axes.axhline(row["spearman"], color=FAULTY, linestyle="--", label=label)
    names = [f"{row['fragment']}\n{fitted(row['stage'], STEP)}".rstrip() for row in single]
    axes.set_xticks(range(len(single)), names)
    axes.set_xlim(-0.5, max(len(single), 1) - 0.3)
    axes.margins(y=0.12)
    axes.set(xlabel="fragment (number of the clip)", ylabel="Spearman correlation, test videos")
    figure.legend(loc="outside upper left")
    return figure


def _numbers(rows: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    """NaN where it is undefined."""
    return [np.nan if row[column] is None else row[column] for row in rows]


def _label(rows: Sequence[Mapping[str, Any]]) -> str:
    several = any(row["spearman_std"] is not None for row in rows)
    return "one fragment alone" + (", mean and deviation over splits" if several else "")

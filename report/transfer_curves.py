"""The picture of fine-tuning on a new action: Spearman correlation against iterations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aqa.report.figures import INK, PALETTE, fitted, style
from aqa.workflows.transfer.results import STARTS, TransferResult

COLUMNS, SIDE = 3, 3.0  # inches
# A colour and a line for each start of the weights.
_LINES: dict[str, tuple[str, Any]] = dict(
    zip(STARTS, ((PALETTE[1], "--"), (PALETTE[0], "-")), strict=True)
)


@style()
def transfer_figure(result: TransferResult) -> Figure:
    """One plot for each number of samples; a thin line per draw, a thick one for their mean."""
    samples = list(dict.fromkeys(row["samples"] for row in result.curves))
    down, across = -(-len(samples) // COLUMNS), min(len(samples), COLUMNS)
    width = max(across * SIDE, 4.5) + 0.4
    figure = Figure((width, down * SIDE + 0.8), layout="constrained")
    figure.suptitle(fitted(f"{result.action}: fine-tuned on few videos of it", width))
    panels = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    for axes, n in zip(panels, samples, strict=False):
        for start in STARTS:
            rows = [r for r in result.curves if r["samples"] == n and r["start"] == start]
            _draws(axes, rows, *_LINES[start])
        axes.axhline(0, color=INK, linewidth=0.5)
        axes.set_title(f"{n} videos", loc="left")
        axes.set_xlabel("iterations of fine-tuning")
    for axes in panels[len(samples) :]:
        axes.set_axis_off()
    for axes in panels[::across]:
        axes.set_ylabel(f"Spearman correlation,\n{result.tested} test videos")
    figure.legend(
        handles=[
            Line2D(
                [], [], color=colour, linestyle=line, linewidth=2.5, label=f"from {start} weights"
            )
            for start, (colour, line) in _LINES.items()
        ],
        loc="outside lower left",
        ncols=2,
    )
    return figure


def _draws(axes: Axes, rows: Sequence[Mapping[str, Any]], colour: str, line: Any) -> None:
    """The curves of one start's draws, and their mean; undefined points are left out."""
    at: dict[int, list[float]] = {}
    for _, drawn in groupby(rows, key=itemgetter("draw")):
        known = [row for row in drawn if row["spearman"] is not None]
        iterations = [row["iteration"] for row in known]
        values = [row["spearman"] for row in known]
        axes.plot(iterations, values, color=colour, linestyle=line, linewidth=0.7, alpha=0.6)
        for iteration, value in zip(iterations, values, strict=True):
            at.setdefault(iteration, []).append(value)
    means = [float(np.mean(at[iteration])) for iteration in sorted(at)]
    axes.plot(sorted(at), means, color=colour, linestyle=line, linewidth=2.5)

"""Predicted against true scores."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from aqa.evaluation.head_results import HeadResults
from aqa.report.figures import FAINT, FAULTY, INK, SOUND, style
from aqa.report.plots.axes import axes_of, legend_below, name_axes, tested_text, unit_of


@style()
def predicted_against_true(head: HeadResults, ax: Axes | None = None) -> Axes:
    """One mark per test video and split; a line through it is the range of 80 %, where known.

    On the dashed line predictions are right. `RunError` where the head has no scores.
    """
    points = head.points()
    axes = axes_of(ax)
    ends = np.concatenate([points.true, points.predicted])
    if points.has_ranges:
        axes.vlines(points.true, points.low, points.high, color=FAINT, linewidth=0.8, zorder=1)
        ends = np.concatenate([ends, points.low, points.high])
        outside = ~points.inside
        _marks(axes, points.true, points.predicted, ~outside, SOUND, "o", "true score in range")
        _marks(axes, points.true, points.predicted, outside, FAULTY, "^", "not in range")
    else:
        every = np.ones(len(points.true), bool)
        _marks(axes, points.true, points.predicted, every, SOUND, "o", "a test video")
    low, high = float(ends.min()), float(ends.max())
    room = 0.04 * max(high - low, 1e-9)
    axes.plot(
        [low, high],
        [low, high],
        color=INK,
        linewidth=0.8,
        linestyle="--",
        label="predicted as true",
    )
    axes.set(xlim=(low - room, high + room), ylim=(low - room, high + room))
    axes.set_aspect("equal")
    unit = unit_of(head)
    axes.set(xlabel=f"true score ({unit})", ylabel=f"predicted score ({unit})")
    name_axes(axes, f"{head.name}: {tested_text(points)}")
    legend_below(axes)
    return axes


def _marks(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    which: np.ndarray,
    colour: str,
    marker: str,
    label: str,
) -> None:
    if which.any():
        count = "" if which.all() else f": {int(which.sum())}"
        axes.plot(
            *(x[which], y[which], marker),
            color=colour,
            markersize=3.5,
            alpha=0.75,
            markeredgewidth=0,
            linestyle="",
            label=f"{label}{count}",
        )

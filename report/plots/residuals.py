"""Residuals, predicted less true score: by the true score, and by type of action."""

from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.axes import Axes

from aqa.errors import RunError
from aqa.evaluation.head_results import HeadResults
from aqa.report.figures import FAULTY, INK, SOUND, readable, style
from aqa.report.plots.axes import (
    HEIGHT,
    WIDTH,
    axes_of,
    legend_below,
    name_axes,
    tested_text,
    unit_of,
)

# Parts of the videos, by their score, whose mean residuals are drawn.
_PARTS = 5
# No more types are drawn; the rarer ones are left out.
MOST_TYPES = 40
_LINE = 0.24  # inches per type


@style()
def residuals_by_score(head: HeadResults, ax: Axes | None = None) -> Axes:
    """One mark per test video and split; the line joins the means of fifths of the videos.

    A line that falls says that high scores are predicted too low, and low ones too high, as every
    regression does that is not sure.
    """
    points = head.points()
    axes = axes_of(ax, WIDTH, HEIGHT - 0.6)
    residual = points.predicted - points.true
    axes.axhline(0, color=INK, linewidth=0.8, linestyle="--")
    axes.plot(
        *(points.true, residual, "o"),
        color=SOUND,
        markersize=3.5,
        alpha=0.6,
        markeredgewidth=0,
        label="a prediction",
    )
    parts = np.array_split(np.argsort(points.true, kind="stable"), min(_PARTS, len(residual)))
    axes.plot(
        [points.true[part].mean() for part in parts],
        [residual[part].mean() for part in parts],
        color=FAULTY,
        marker="D",
        markersize=4,
        linewidth=1.5,
        label="mean of a fifth of them" if len(parts) == _PARTS else "mean",
    )
    unit = unit_of(head)
    axes.set(xlabel=f"true score ({unit})", ylabel=f"predicted less true ({unit})")
    name_axes(axes, f"{head.name}: {tested_text(points)}")
    legend_below(axes)
    return axes


@style()
def residuals_by_type(head: HeadResults, ax: Axes | None = None) -> Axes:
    """A line of marks per type of action, the most frequent types; a diamond is their mean.

    `RunError` where no manifest tells the types.
    """
    points = head.points()
    labels = [head.types.get(i) for i in points.ids]
    counts = Counter(label for label in labels if label)
    if not counts:
        folder = next(iter(head.folders.values()))
        raise RunError(f"{folder}: no manifest tells the types of its test videos")
    drawn = [label for label, _ in counts.most_common(MOST_TYPES)]
    residual = points.predicted - points.true
    each = {label: residual[[one == label for one in labels]] for label in drawn}
    order = sorted(drawn, key=lambda label: float(each[label].mean()))
    axes = axes_of(ax, WIDTH, types_height(len(order)))
    axes.axvline(0, color=INK, linewidth=0.8, linestyle="--")
    for y, label in enumerate(order):
        axes.plot(
            *(each[label], np.full(len(each[label]), y), "o"),
            color=SOUND,
            markersize=3.5,
            alpha=0.6,
            markeredgewidth=0,
            label="a prediction" if y == 0 else None,
        )
    axes.plot(
        [each[label].mean() for label in order],
        range(len(order)),
        "D",
        color=FAULTY,
        markersize=4.5,
        label="mean of the type",
    )
    axes.set_yticks(range(len(order)), [f"{readable(label)} ({counts[label]})" for label in order])
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.set(xlabel=f"predicted less true ({unit_of(head)})", ylabel="type (predictions)")
    rare = len(counts) - len(order)
    without = f"; {rare} rarer types left out" if rare else ""
    name_axes(axes, f"{head.name}: {tested_text(points)}{without}")
    legend_below(axes)
    return axes


def types_height(types: int) -> float:
    """Inches of a picture of so many types."""
    return max(HEIGHT - 1.0, 1.5 + _LINE * min(types, MOST_TYPES))

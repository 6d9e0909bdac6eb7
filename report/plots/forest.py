"""Forest plots: heads with their intervals, and their differences on the same videos."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from aqa.errors import RunError
from aqa.evaluation.forest import Forest
from aqa.evaluation.resampling import Interval
from aqa.report.figures import FAULTY, INK, SOUND, fitted, style
from aqa.report.plots.axes import WIDTH, axes_of, name_axes
from aqa.workspace import BASELINE

_LINE, _FRAME = 0.32, 1.3  # inches per head, and around them


@style()
def head_intervals(forest: Forest, ax: Axes | None = None) -> Axes:
    """A line per head, the best on top: its value, and its 95 % interval over the test videos.

    Heads that see no pixels are drawn hollow.
    """
    if not forest.rows:
        raise RunError(f"no head to draw: {'; '.join(forest.notes)}")
    axes = axes_of(ax, WIDTH, forest_height(len(forest.rows)))
    _rows(
        axes,
        [row.name for row in forest.rows],
        [row.value for row in forest.rows],
        [row.interval for row in forest.rows],
    )
    axes.set_xlabel(
        f"{forest.title}, {'lower' if forest.metric.lower_better else 'higher'} is better"
    )
    name_axes(axes, f"{forest.over}, {forest.videos} test videos")
    return axes


@style()
def paired_differences(forest: Forest, ax: Axes | None = None) -> Axes:
    """A line per head: how much it differs from the best, with the 95 % interval of that.

    Where an interval holds 0, no difference is shown. `RunError` where heads did not answer for
    the same videos.
    """
    if forest.comparison is None:
        reason = "; ".join(forest.notes) or "one head alone"
        raise RunError(f"no differences to draw: {reason}")
    best = forest.rows[0].name
    pairs = [pair for pair in forest.comparison.pairs if pair.a == best]
    axes = axes_of(ax, WIDTH, forest_height(len(pairs)))
    axes.axvline(0, color=INK, linewidth=0.8, linestyle="--")
    _rows(
        axes,
        [pair.b for pair in pairs],
        [-pair.difference for pair in pairs],
        [None if p.interval is None else [-p.interval[1], -p.interval[0]] for p in pairs],
    )
    side = "right" if forest.metric.lower_better else "left"
    axes.set_xlabel(f"{forest.title} less that of {best}; left of 0: worse".replace("left", side))
    name_axes(axes, f"on the same {forest.videos} test videos")
    return axes


def forest_height(rows: int) -> float:
    """Inches of a picture of so many heads."""
    return _FRAME + _LINE * rows


def _rows(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    intervals: Sequence[Interval | None],
) -> None:
    for y, (name, value, interval) in enumerate(zip(names, values, intervals, strict=True)):
        blind = name.startswith(BASELINE)
        colour = FAULTY if blind else SOUND
        if interval is not None:
            axes.plot(interval, [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
        axes.plot(
            *([value], [y], "D" if blind else "s"),
            color=colour,
            markerfacecolor="white" if blind else colour,
            markersize=6,
        )
    axes.set_yticks(range(len(names)), [fitted(_title(name), 1.4) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)


def _title(name: str) -> str:
    """A baseline in words: that it sees no pixels."""
    if not name.startswith(BASELINE):
        return name
    return f"without pixels: {name.removeprefix(BASELINE)}"

"""What the pictures of results share: axes to draw in, and the words at their edges."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from aqa.evaluation.head_results import HeadResults, ScorePoints
from aqa.report.figures import fitted, readable
from aqa.target_names import SCORE

# Inches; small, so that two stand side by side on a page, and text stays readable on a phone.
WIDTH, HEIGHT = 4.8, 4.2
_BELOW = 0.58  # from the axes down to a legend below them


def axes_of(ax: Axes | None, width: float = WIDTH, height: float = HEIGHT) -> Axes:
    """The axes that were given, or those of a new figure of so many inches."""
    if ax is not None:
        return ax
    return Figure((width, height), layout="constrained").subplots()


def width_of(axes: Axes) -> float:
    """About how many inches the text above the axes may take."""
    return float(axes.get_position().width * axes.figure.bbox.width / axes.figure.dpi)


def height_of(axes: Axes) -> float:
    """About how many inches the axes are high."""
    return float(axes.get_position().height * axes.figure.bbox.height / axes.figure.dpi)


def name_axes(axes: Axes, title: str) -> None:
    """Write a title at the left above the axes, in lines that fit."""
    axes.set_title(fitted(title, width_of(axes)), loc="left")


def unit_of(head: HeadResults) -> str:
    """What the head's numbers are: `points`, or the name of another target."""
    return "points" if head.target == SCORE else readable(head.target)


def tested_text(points: ScorePoints) -> str:
    """How many test videos of how many splits are shown."""
    videos, splits, answers = points.videos, len(points.splits), len(points.ids)
    if splits == 1:
        return f"{videos} test videos"
    if answers == videos:
        return f"{videos} test videos, {splits} splits"
    return f"{answers} predictions, {videos} videos, {splits} splits"


def legend_below(axes: Axes) -> None:
    """Put the legend below the axes, where it hides nothing."""
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(0, -_BELOW / height_of(axes)),
        ncols=2,
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.2,
    )


def plain_numbers(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers: 0.1, 1, 10."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())

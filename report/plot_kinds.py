"""The kinds of pictures that show what heads are worth, by name; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from aqa.errors import AqaError, UnknownNameError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from aqa.evaluation.head_results import HeadResults

# Name -> what it shows.
KINDS = {
    "predicted": "predicted against true scores, with the ranges of 80 %",
    "residuals": "predicted less true score, by the true score",
    "types": "predicted less true score, by type of action",
    "learning": "what training wrote down, over its epochs",
    "forest": "heads with their intervals, and differences on the same videos",
    "coverage": "how often true scores lie in the ranges",
}
# No more panels stand side by side.
_ACROSS = 3


@dataclass(frozen=True)
class _Panel:
    """One picture of a figure: what draws into axes, and how high it wants to be, in inches."""

    draw: Callable[[Any], Any]
    height: float


def check_kind(kind: str) -> None:
    """Raise `UnknownNameError`, which lists the kinds, for a name that is none."""
    if kind not in KINDS:
        raise UnknownNameError("kind of plot", kind, list(KINDS))


def plot_figure(kind: str, heads: Sequence[HeadResults]) -> Figure:
    """A figure with a panel per head or, of kinds that compare heads, with all of them in one.

    `AqaError` where nothing of that kind can be drawn.
    """
    check_kind(kind)
    from matplotlib.figure import Figure

    from aqa.report.figures import style
    from aqa.report.plots.axes import WIDTH

    panels = _panels(kind, heads)
    across = min(len(panels), _ACROSS)
    down = -(-len(panels) // across)
    height = max(panel.height for panel in panels)
    with style():
        figure = Figure((WIDTH * across, height * down), layout="constrained")
        places = figure.subplots(down, across, squeeze=False).flatten()
    for axes, panel in zip(places, panels, strict=False):
        panel.draw(axes)
    for axes in places[len(panels) :]:
        axes.set_axis_off()
    return figure


def _panels(kind: str, heads: Sequence[HeadResults]) -> list[_Panel]:
    from aqa.report import plots
    from aqa.report.plots.axes import HEIGHT
    from aqa.report.plots.residuals import types_height

    if kind == "forest":
        return _forest_panels(heads)
    if kind == "coverage":
        return [_Panel(partial(plots.coverage, heads), HEIGHT)]
    draw: dict[str, Callable[[HeadResults, Any], Any]] = {
        "predicted": plots.predicted_against_true,
        "residuals": plots.residuals_by_score,
        "types": plots.residuals_by_type,
        "learning": plots.learning_curves,
    }
    return [
        _Panel(
            partial(draw[kind], head),
            types_height(len({*head.types.values()})) if kind == "types" else HEIGHT,
        )
        for head in heads
    ]


def _forest_panels(heads: Sequence[HeadResults]) -> list[_Panel]:
    from aqa.evaluation.forest import forests_of
    from aqa.report import plots
    from aqa.report.plots.forest import forest_height

    panels = []
    for forest in forests_of(heads):
        height = forest_height(len(forest.rows))
        panels.append(_Panel(partial(plots.head_intervals, forest), height))
        if forest.comparison is not None:
            panels.append(_Panel(partial(plots.paired_differences, forest), height))
    if not panels:
        names = ", ".join(head.name for head in heads)
        raise AqaError(f"no scores, classes or ranks of {names}; run `aqa eval` first")
    return panels

"""The picture of a search: how well each value of each hyper-parameter did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aqa.evaluation.metric import metric_of
from aqa.report.figures import FAINT, INK, SOUND, fitted, style
from aqa.report.plots.axes import name_axes
from aqa.report.sweep import setting_means, values_of
from aqa.workflows.sweep.grid import searched
from aqa.workflows.sweep.run import Tried
from aqa.workflows.sweep.trial import Search

_WIDTH, _HEIGHT, _ACROSS = 3.2, 3.2, 3  # inches of a panel, and how many stand side by side


@style()
def sweep_figure(search: Search, tried: Sequence[Tried]) -> Figure:
    """A panel per searched hyper-parameter: a dot per setting, a line through each value's best."""
    means = {s: mean for s, mean in setting_means(tried).items() if mean is not None}
    names = searched(list(dict.fromkeys(one.setting for one in tried)))
    across = min(len(names), _ACROSS)
    down = -(-len(names) // across)
    figure = Figure((max(_WIDTH * across, 4.4), _HEIGHT * down + 0.5), layout="constrained")
    panels = figure.subplots(down, across, squeeze=False, sharey=True).flatten()
    for axes, name in zip(panels, names, strict=False):
        points = [(values_of(setting, [name])[0], mean) for setting, mean in means.items()]
        _panel(axes, name, points, metric_of(search.metric).lower_better)
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    metric = metric_of(search.metric)
    for axes in panels[::across]:
        axes.set_ylabel(f"{metric.title or metric.name}, held-out training videos")
    title = f"{search.head}: {len(means)} settings; line: the best of each value"
    figure.suptitle(fitted(title, float(figure.get_size_inches()[0])))
    return figure


def _panel(axes: Axes, name: str, points: Sequence[tuple[str, float]], lower_better: bool) -> None:
    values = sorted({value for value, _ in points}, key=_order)
    best = [(min if lower_better else max)(y for v, y in points if v == value) for value in values]
    at = [values.index(value) for value, _ in points]
    axes.plot(at, [y for _, y in points], "o", color=FAINT, markeredgecolor=INK, markersize=5)
    axes.plot(range(len(values)), best, "-s", color=SOUND, markersize=5, linewidth=1.2)
    axes.set_xticks(range(len(values)), [fitted(value, 1.0) for value in values])
    axes.set_xlim(-0.5, len(values) - 0.5)
    name_axes(axes, name)


def _order(value: str) -> tuple[float, str]:
    """Numbers by size, before words."""
    try:
        return float(value), ""
    except ValueError:
        return float(np.inf), value

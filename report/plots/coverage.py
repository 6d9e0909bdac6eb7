"""How often true scores lie in the ranges that heads predict of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from aqa.errors import RunError
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.metric import metric_of
from aqa.report.figures import INK, PALETTE, readable, style
from aqa.report.plots.axes import HEIGHT, axes_of, name_axes

_MARKERS = "osD^vP"
_LEVELS = (50, 80, 95)


@style()
def coverage(heads: Sequence[HeadResults], ax: Axes | None = None) -> Axes:
    """The share of true scores inside the ranges of 50, 80 and 95 %, on test videos.

    On the dashed line it is what it should be; above, ranges are too wide, below too narrow. A line
    through a mark is the 95 % interval of one split, or the standard deviation over several.
    `RunError` where no head has ranges.
    """
    known = [head for head in heads if any("coverage" in m for m in head.measured.values())]
    if not known:
        names = ", ".join(head.name for head in heads)
        raise RunError(
            f"no ranges of {names}; run `aqa fit` (without --no-ranges), then `aqa eval`"
        )
    axes = axes_of(ax, height=HEIGHT - 0.2)
    axes.plot([40, 100], [40, 100], color=INK, linewidth=0.8, linestyle="--")
    for i, head in enumerate(known):
        each = [m["coverage"] for m in head.measured.values() if "coverage" in m]
        _one(axes, head, each, i, 1.2 * (i - (len(known) - 1) / 2))
    axes.set(
        xlabel="true scores that should be in the range, %",
        ylabel="true scores that are in it, %",
        xticks=_LEVELS,
    )
    axes.set_xlim(40, 102)
    axes.set_ylim(top=103)
    name_axes(axes, "ranges of the scores of test videos")
    axes.legend(loc="lower right", fontsize="small", handletextpad=0.3)
    return axes


def _one(
    axes: Axes, head: HeadResults, each: Sequence[dict[str, Any]], number: int, aside: float
) -> None:
    """aside: how far to the right, so that heads do not hide each other."""
    x, y, down, up = [], [], [], []
    for level in _LEVELS:
        shares = [one[f"coverage_{level}"] for one in each]
        if None in shares:
            continue
        mean = float(np.mean(shares))
        ends = _spread(each, level, shares, mean)
        x.append(level + aside)
        y.append(100 * mean)
        down.append(100 * (mean - ends[0]))
        up.append(100 * (ends[1] - mean))
    widths = [one["width_80"] for one in each if one["width_80"] is not None]
    digits = metric_of("width_80", "coverage").digits_for(widths)
    wide = f": range of 80 % is {np.mean(widths):.{digits}f} wide" if widths else ""
    axes.errorbar(
        *(x, y, [down, up]),
        color=PALETTE[number % len(PALETTE)],
        marker=_MARKERS[number % len(_MARKERS)],
        markersize=5,
        linestyle="",
        elinewidth=1.0,
        label=f"{readable(head.name)}{wide}",
    )


def _spread(
    each: Sequence[dict[str, Any]], level: int, shares: Sequence[float], mean: float
) -> tuple[float, float]:
    if len(each) > 1:
        deviation = float(np.std(shares, ddof=1))
        return max(mean - deviation, 0.0), min(mean + deviation, 1.0)
    low, high = each[0].get(f"coverage_{level}_interval") or (mean, mean)
    return low, high

"""The picture of what a head says of a video's clips: frames above the curve of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aqa.models.feedback import ClipFeedback, Feedback
from aqa.number_text import fixed
from aqa.report.feedback_table import total_line
from aqa.report.figures import (
    BEHIND_TEXT,
    FAINT,
    FAULTY,
    FONT_SIZE,
    INK,
    SOUND,
    Image,
    fitted,
    lines_of,
    style,
)

# Inches.
CELL, GAP, LEFT, RIGHT = 1.45, 0.06, 0.95, 0.2
LINE, HEADING, CURVE, BETWEEN = 0.17, 0.36, 1.25, 0.3
CLIPS_PER_ROW = 8
_SHORTEST, _TALLEST = 0.4, 1.8  # heights of a frame, as parts of its width


@dataclass(frozen=True)
class _Row:
    """Where one row of clips stands: inches from the top, and the numbers of its clips."""

    top: float
    first: int
    stop: int


@style()
def feedback_figure(
    feedback: Feedback,
    frames: Sequence[Image],
    exemplar_frames: Sequence[Image] = (),
    exemplar: str = "",
) -> Figure:
    """One column per clip: the video's frame, the exemplar's below it, below both the values.

    frames, exemplar_frames: one per clip, (H, W, 3); the latter may be left out. exemplar: its
    name. Long videos go on in further rows.
    """
    strips = [frames, exemplar_frames] if exemplar_frames else [frames]
    names = ["this video", "exemplar"]
    heights = [CELL * _tallest(strip) for strip in strips]
    row_height = HEADING + sum(heights) + GAP * len(strips) + CURVE + BETWEEN
    columns = _columns(len(feedback.clips))
    width = LEFT + max(columns, 4) * CELL + RIGHT
    title = fitted(_title(feedback, exemplar), width - 0.4, FONT_SIZE + 1)
    top = 0.15 + 1.2 * LINE * lines_of(title)
    rows = [
        _Row(top + i * row_height, first, min(first + columns, len(feedback.clips)))
        for i, first in enumerate(range(0, len(feedback.clips), columns))
    ]
    figure = Figure((width, top + len(rows) * row_height + LINE))
    figure.text(
        0.2 / width, 1 - 0.1 / figure.get_figheight(), title, va="top", fontsize=FONT_SIZE + 1
    )
    for row in rows:
        y = row.top + HEADING
        for name, strip, height in zip(names, strips, heights, strict=False):
            _label(figure, name, y + height / 2)
            for column, number in enumerate(range(row.first, row.stop)):
                place = (LEFT + column * CELL, y, CELL - GAP, height)
                edged = feedback.clips[number] if name == names[0] else None
                _frame(_axes(figure, *place), strip[number], edged)
            y += height + GAP
        _values(figure, feedback, row, y + 0.1)
    _legend(figure, feedback)
    return figure


def _columns(clips: int) -> int:
    """How many clips stand in a row, so that all rows are about as long."""
    rows = -(-clips // CLIPS_PER_ROW)
    return -(-clips // max(rows, 1))


def _title(feedback: Feedback, exemplar: str) -> str:
    against = f" compared with exemplar {exemplar}" if exemplar else ""
    total = "" if feedback.total is None else f"; {total_line(feedback.total)}"
    return f"{feedback.video}{against}: {feedback.meaning}{total}"


def _tallest(strip: Sequence[Image]) -> float:
    """The height of its tallest frame, as a part of the width; kept within limits."""
    tallest = max(frame.shape[0] / frame.shape[1] for frame in strip)
    return min(max(tallest, _SHORTEST), _TALLEST)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def _label(figure: Figure, name: str, y: float) -> None:
    figure.text(0.2 / figure.get_figwidth(), 1 - y / figure.get_figheight(), name, va="center")


def _frame(axes: Axes, frame: Image, clip: ClipFeedback | None) -> None:
    """clip: what is said of the frame, by its edge and a heading."""
    axes.imshow(frame, aspect="equal")
    axes.set(xticks=[], yticks=[])
    colour = FAINT if clip is None else _colour(clip)
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=colour, linewidth=0.5 if clip is None else 2.5)
    if clip is not None:
        seconds = "" if clip.start_seconds is None else f"\nfrom {clip.start_seconds:.2f} s"
        mark = ", faulty" if clip.said == "faulty" else ", below" if clip.stands_out else ""
        axes.set_title(f"clip {clip.clip + 1}{mark}{seconds}", loc="left", color=colour, pad=4)


def _colour(clip: ClipFeedback) -> str:
    return FAULTY if clip.stands_out else SOUND


def _values(figure: Figure, feedback: Feedback, row: _Row, top: float) -> None:
    """The curve of one row of clips; every row has the same scale."""
    clips = feedback.clips[row.first : row.stop]
    axes = _axes(figure, LEFT, top, len(clips) * CELL - GAP, CURVE)
    for x, clip in enumerate(clips):
        across, limit = [x - 0.5, x + 0.5], [clip.outright_limit] * 2
        axes.plot(across, limit, color=INK, linewidth=0.8, linestyle="--")
    axes.plot(range(len(clips)), [clip.value for clip in clips], color=FAINT, zorder=1)
    low, high = _limits(feedback)
    digits = 2 if high - low < 20 else 1
    for x, clip in enumerate(clips):
        marker = "v" if clip.stands_out else "o"
        axes.plot(x, clip.value, marker, color=_colour(clip), markersize=7)
        axes.annotate(
            fixed(clip.value, digits),
            (x, clip.value),
            (0, -6 if clip.stands_out else 6),
            textcoords="offset points",
            ha="center",
            va="top" if clip.stands_out else "bottom",
            color=_colour(clip),
            bbox=BEHIND_TEXT,
        )
    axes.set(xlim=(-0.5, len(clips) - 0.5), ylim=(low, high), xticks=[])
    axes.set_ylabel(fitted(_short(feedback.meaning), CURVE, FONT_SIZE - 1), fontsize=FONT_SIZE - 1)


def _short(meaning: str) -> str:
    """What fits beside a curve: `points` where the values are points."""
    return "points" if meaning.startswith("points") else meaning


def _limits(feedback: Feedback) -> tuple[float, float]:
    """The lowest and highest value that a plot has room for, numbers above the points included."""
    shown = [n for clip in feedback.clips for n in (clip.value, clip.outright_limit)]
    one = _one_limit(feedback)
    values = np.array([0.0, *shown, *([] if one is None else [2 * one])])
    low, high = float(values.min()), float(values.max())
    room = 0.3 * max(high - low, 1e-6)
    return low - room, high + room


def _one_limit(feedback: Feedback) -> float | None:
    """The limit of all clips; None where each has its own."""
    limits = {clip.outright_limit for clip in feedback.clips}
    return limits.pop() if len(limits) == 1 else None


def _legend(figure: Figure, feedback: Feedback) -> None:
    one, mark = _one_limit(feedback), feedback.outright
    below = mark if mark == "below average" else f"{mark}: below its limit"
    named = "mean of training videos" if mark == "below average" else "limit of each clip"
    if one is not None:
        below, named = f"{mark}: below {one:g}", f"the limit, {one:g}"
    figure.legend(
        handles=[
            Line2D([], [], marker="o", linestyle="", color=SOUND, label=f"not {mark}"),
            Line2D([], [], marker="v", linestyle="", color=FAULTY, label=below),
            Line2D([], [], color=INK, linewidth=0.8, linestyle="--", label=named),
        ],
        loc="lower left",
        bbox_to_anchor=(LEFT / figure.get_figwidth(), 0),
        borderaxespad=0.2,
        ncols=3,
    )

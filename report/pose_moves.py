"""The picture of what a head says of a video's joints: arrows on frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from aqa.models.feedback import JointMove, PoseFeedback
from aqa.models.feedback.joints import STEP
from aqa.report.figures import FAINT, FAULTY, FONT_SIZE, SOUND, Image, fitted, readable, style

# The largest gains are shown, on so many frames at most.
MOVES = 6
COLUMNS, SIDE = 3, 2.6  # inches
# The longest arrow, as a part of a panel's side.
LONGEST = 0.22


def shown_frames(feedback: PoseFeedback) -> list[int]:
    """The numbers of the frames that `pose_figure` shows, in order: those of the largest gains."""
    return sorted({move.frame for move in feedback.moves[:MOVES]})


@style()
def pose_figure(feedback: PoseFeedback, frames: Mapping[int, Image]) -> Figure:
    """Arrows from joints in the direction that raises the score, as long as they gain.

    frames: by number, those of `shown_frames`; where they are left out, on a plain ground.
    """
    numbers = shown_frames(feedback)
    rows = np.array(numbers) - feedback.offset
    joints, gradient = feedback.joints[rows], feedback.gradient[rows]  # (frames, joints, 2)
    side = _side(joints)
    longest = float(np.linalg.norm(gradient, axis=2).max())
    pixels = LONGEST * side / max(longest, 1e-12)  # per point per pixel
    down = -(-len(numbers) // COLUMNS)
    across = min(len(numbers), COLUMNS)
    width = max(across, 2) * SIDE + 0.2
    figure = Figure((width, down * (SIDE + 0.55) + 0.9), layout="constrained")
    missing = "" if frames else "; there is no video, so no frames"
    figure.suptitle(
        fitted(f"{feedback.video}: {feedback.meaning}{missing}", width - 0.4),
        fontsize=FONT_SIZE + 1,
    )
    panels = figure.subplots(down, across, squeeze=False).flatten()
    for axes, number, places, gains in zip(panels, numbers, joints, gradient, strict=False):
        moves = [move for move in feedback.moves[:MOVES] if move.frame == number]
        _panel(axes, places, side, frames.get(number))
        best = np.isin(feedback.names, [move.joint for move in moves])
        for chosen, colour in ((~best, SOUND), (best, FAULTY)):
            _arrows(axes, places[chosen], gains[chosen] * pixels, colour)
        _names(axes, moves)
    for axes in panels[len(numbers) :]:
        axes.set_axis_off()
    _legend(figure, feedback, longest)
    return figure


def _side(joints: NDArray[np.float32]) -> float:
    """The side of a square, in pixels, that holds the body on each of the frames."""
    return 1.5 * max(float(np.ptp(joints, axis=1).max()), 1.0)


def _panel(axes: Axes, places: NDArray[np.float32], side: float, frame: Image | None) -> None:
    axes.set_facecolor(FAINT)
    if frame is not None:
        axes.imshow(frame)
    x, y = (places.min(axis=0) + places.max(axis=0)) / 2
    axes.set(xlim=(x - side / 2, x + side / 2), ylim=(y + side / 2, y - side / 2))
    axes.set(xticks=[], yticks=[], aspect="equal")


def _arrows(
    axes: Axes, starts: NDArray[np.float32], moves: NDArray[np.float64], colour: str
) -> None:
    axes.plot(*starts.T, "o", color=colour, markersize=3, markeredgecolor="white", mew=0.4)
    axes.quiver(
        *starts.T,
        *moves.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        color=colour,
        edgecolor="white",
        linewidth=0.4,
        width=0.014,
        zorder=3,
    )


def _names(axes: Axes, moves: Sequence[JointMove]) -> None:
    seconds = "" if moves[0].seconds is None else f", {moves[0].seconds:.2f} s"
    axes.set_title(f"frame {moves[0].frame}{seconds}", loc="left")
    names = readable(", ".join(move.joint for move in moves))
    axes.set_xlabel(fitted(names, SIDE), color=FAULTY)


def _gain(feedback: PoseFeedback, gain: float) -> str:
    """gain: points per pixel."""
    if feedback.torso is None:
        return f"{gain:.2g} points per {feedback.unit}"
    return f"{gain * STEP * feedback.torso:.2g} points for a tenth of the torso's length"


def _legend(figure: Figure, feedback: PoseFeedback, longest: float) -> None:
    figure.legend(
        handles=[
            Line2D([], [], color=FAULTY, linewidth=2, label="the largest gains, named"),
            Line2D([], [], color=SOUND, linewidth=2, label="gains of other joints"),
            Line2D([], [], linestyle="", label=f"longest arrow: {_gain(feedback, longest)}"),
        ],
        loc="outside lower left",
        ncols=2,
    )

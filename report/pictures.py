"""Pictures of results, drawn with OpenCV; computes nothing and decodes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.files import check_png, replacing
from aqa.models.feedback import Feedback, PoseFeedback
from aqa.workflows.transfer.results import STARTS, TransferResult

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

INK: Colour = (40, 40, 40)
FAINT: Colour = (200, 200, 200)
FAULT: Colour = (200, 40, 40)
SOUND: Colour = (30, 120, 80)
# Okabe and Ito's colours, which stay apart for the colour-blind; black is left to text.
PALETTE: tuple[Colour, ...] = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
    (150, 140, 20), (110, 110, 110),
)  # fmt: skip

CELL_WIDTH, MARGIN, LEFT, LINE = 160, 10, 90, 20
CURVE_HEIGHT = 170
MOVES, CANVAS, ARROW = 6, 240, 60


def save_picture(image: Image, path: Path) -> None:
    """Write a PNG in one step."""
    check_png(path)
    ok, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise AqaError(f"{path}: the picture could not be encoded")
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())


def draw_feedback(
    feedback: Feedback,
    athlete: Sequence[Image],
    expert: Sequence[Image] = (),
    expert_name: str = "",
) -> Image:
    """A column for each clip: the athlete's frame, the expert's below it, the curve below both."""
    rows = [("athlete", athlete)] + ([("expert", expert)] if expert else [])
    height = max(round(CELL_WIDTH * f.shape[0] / f.shape[1]) for _, frames in rows for f in frames)
    top = 2 * LINE + MARGIN
    size = (
        top + len(rows) * (height + MARGIN) + LINE + CURVE_HEIGHT + MARGIN,
        LEFT + len(feedback.clips) * CELL_WIDTH + MARGIN,
    )
    image = np.full((*size, 3), 255, np.uint8)
    against = f" against {expert_name}" if expert_name else ""
    _text(image, f"{feedback.video}{against}: {feedback.meaning}; red: at fault", (MARGIN, LINE))
    for row, (name, frames) in enumerate(rows):
        y = top + row * (height + MARGIN)
        _text(image, name, (MARGIN, y + height // 2))
        for column, (frame, clip) in enumerate(zip(frames, feedback.clips, strict=True)):
            x = LEFT + column * CELL_WIDTH
            fitted = cv2.resize(frame, (CELL_WIDTH - 4, height), interpolation=cv2.INTER_AREA)
            image[y : y + height, x : x + CELL_WIDTH - 4] = fitted
            if row == 0:
                edge = FAULT if clip.faulty else SOUND
                cv2.rectangle(image, (x - 2, y - 2), (x + CELL_WIDTH - 3, y + height + 1), edge, 2)
                _text(image, _clip_name(clip.clip, clip.start_seconds), (x, top - 8), INK, 0.42)
    _curve(image, feedback, top + len(rows) * (height + MARGIN) + LINE)
    return image


def _clip_name(number: int, seconds: float | None) -> str:
    return f"clip {number}" + ("" if seconds is None else f", {seconds:.2f} s")


def _curve(image: Image, feedback: Feedback, top: int) -> None:
    values = np.array([clip.value for clip in feedback.clips])
    low, high = min(0.0, values.min()), max(2 * feedback.limit, values.max(), 1e-6)

    def height_of(value: float) -> int:
        return top + round((high - value) / (high - low) * (CURVE_HEIGHT - LINE))

    limit = height_of(feedback.limit)
    cv2.line(image, (LEFT, limit), (image.shape[1] - MARGIN, limit), FAINT, 1)
    _text(image, f"{feedback.limit:g}", (LEFT - 40, limit + 5))
    points = [
        (LEFT + i * CELL_WIDTH + CELL_WIDTH // 2, height_of(value))
        for i, value in enumerate(values)
    ]
    cv2.polylines(image, [np.array(points, np.int32)], False, INK, 1, cv2.LINE_AA)
    for (x, y), clip in zip(points, feedback.clips, strict=True):
        colour = FAULT if clip.faulty else SOUND
        cv2.circle(image, (x, y), 5, colour, -1, cv2.LINE_AA)
        _text(image, f"{clip.value:.2f}", (x + 8, y - 6), colour, 0.42)


def shown_frames(feedback: PoseFeedback) -> list[int]:
    """The numbers of the frames that `draw_moves` shows: those of the largest gains, in order."""
    return sorted({move.frame for move in feedback.moves[:MOVES]})


def draw_moves(feedback: PoseFeedback, frames: Mapping[int, Image]) -> Image:
    """Arrows that say where joints had better be, as long as the gain; the largest ones in red.

    A legend below says which is which, and how much a length is.

    frames: by number, those of `shown_frames`, drawn around the body; a blank canvas where there
    are none.
    """
    numbers = shown_frames(feedback)
    joints, gradient = (
        every[np.array(numbers) - feedback.offset] for every in (feedback.joints, feedback.gradient)
    )
    low, high = joints.min(axis=1), joints.max(axis=1)  # (columns, 2)
    scale = 0.75 * CANVAS / max(float((high - low).max()), 1.0)
    largest = float(np.linalg.norm(gradient, axis=2).max())
    unit = ARROW / max(largest, 1e-12)
    step, top = CANVAS + MARGIN, 3 * LINE
    image = np.full((top + step + 4 * LINE, MARGIN + len(numbers) * step, 3), 255, np.uint8)
    missing = "" if frames else "; no video, so no frames"
    _text(image, f"{feedback.video}: {feedback.meaning}{missing}", (MARGIN, LINE))
    for column, number in enumerate(numbers):
        left = MARGIN + column * step
        shift = CANVAS / 2 - scale * (low[column] + high[column]) / 2
        canvas = image[top : top + CANVAS, left : left + CANVAS]
        canvas[:] = FAINT
        if frames:
            place = np.column_stack([scale * np.eye(2), shift])
            canvas[:] = cv2.warpAffine(frames[number], place, (CANVAS, CANVAS), borderValue=FAINT)
        moves = [move for move in feedback.moves[:MOVES] if move.frame == number]
        ends = np.stack([joints[column] * scale + shift, gradient[column] * unit], axis=1)
        best = [feedback.names.index(move.joint) for move in moves]
        for j in sorted(range(len(ends)), key=lambda j: j in best):
            _arrow(canvas, ends[j, 0], ends[j].sum(axis=0), FAULT if j in best else PALETTE[0])
        seconds = "" if moves[0].seconds is None else f", {moves[0].seconds:.2f} s"
        _text(image, f"frame {number}{seconds}", (left, top - 8), INK, 0.42)
        said = ", ".join(move.joint for move in moves)
        _text(image, said, (left, top + CANVAS + LINE - 4), FAULT, 0.42)
    said = f"largest gains; so long: {largest:.2g} points a pixel"
    legend = ((FAULT, ARROW, said), (PALETTE[0], ARROW // 2, "gains of other joints"))
    for row, (colour, length, meaning) in enumerate(legend, start=2):
        y = top + step + row * LINE
        _arrow(image, (MARGIN, y - 4), (MARGIN + length, y - 4), colour)
        _text(image, meaning, (2 * MARGIN + ARROW, y), scale=0.42)
    return image


def _arrow(image: Image, start: Iterable[float], end: Iterable[float], colour: Colour) -> None:
    a, b = ((round(float(x)), round(float(y))) for x, y in (start, end))
    cv2.circle(image, a, 2, colour, -1, cv2.LINE_AA)
    cv2.arrowedLine(image, a, b, colour, 2, cv2.LINE_AA, tipLength=0.25)


class Panel(NamedTuple):
    """Points (n, 2) with a label each; those of `hollow` are drawn as rings."""

    title: str
    points: NDArray[np.floating]
    labels: Sequence[str]
    hollow: NDArray[np.bool_]


def draw_panels(panels: Sequence[Panel], note: str, side: int = 420) -> Image:
    """Scatter plots, two beside each other, with one legend below."""
    labels = sorted({label for panel in panels for label in panel.labels})
    colours = {label: PALETTE[i % len(PALETTE)] for i, label in enumerate(labels)}
    down = (len(panels) + 1) // 2
    legend = LINE * (2 + len(labels) // 6)
    image = np.full((down * side + legend, 2 * side, 3), 255, np.uint8)
    for i, panel in enumerate(panels):
        top, left = i // 2 * side, i % 2 * side
        _panel(image[top : top + side, left : left + side], panel, colours)
    for i, label in enumerate(labels):
        x, y = MARGIN + i % 6 * (2 * side // 6), down * side + LINE * (1 + i // 6)
        cv2.circle(image, (x + 5, y - 4), 5, colours[label], -1, cv2.LINE_AA)
        _text(image, label or "(no type)", (x + 16, y), scale=0.42)
    _text(image, note, (MARGIN, image.shape[0] - 6), scale=0.42)
    return image


def _panel(image: Image, panel: Panel, colours: dict[str, Colour]) -> None:
    side = image.shape[0]
    cv2.rectangle(image, (MARGIN, LINE + MARGIN), (side - MARGIN, side - MARGIN), FAINT, 1)
    _text(image, panel.title, (MARGIN, LINE), scale=0.45)
    low, high = panel.points.min(axis=0), panel.points.max(axis=0)
    span = np.where(high > low, high - low, 1)
    inside = side - 4 * MARGIN - LINE
    places = (panel.points - low) / span * inside + [2 * MARGIN, LINE + 2 * MARGIN]
    for (x, y), label, hollow in zip(places, panel.labels, panel.hollow, strict=True):
        centre = (round(x), round(y))
        cv2.circle(image, centre, 4, colours[label], 1 if hollow else -1, cv2.LINE_AA)


class Point(NamedTuple):
    """A value with its standard deviation, None where unknown; a name, and a note below it."""

    name: str
    note: str
    value: float
    deviation: float | None


def draw_curve(points: Sequence[Point], level: Point | None, title: str) -> Image:
    """Values from left to right with their deviations, and one more as a level across."""
    step, height, left, top = 90, 260, 60, 2 * LINE + MARGIN
    image = np.full((top + height + 3 * LINE, left + step * len(points) + MARGIN, 3), 255, np.uint8)
    _text(image, title, (MARGIN, LINE))
    reach = [p.value + sign * (p.deviation or 0.0) for p in points for sign in (-1, 1)]
    low, high = min(0.0, *reach), max(1.0, *reach)

    def height_of(value: float) -> int:
        return top + round((high - value) / (high - low) * height)

    for tick in np.arange(np.ceil(low * 5), np.floor(high * 5) + 1) / 5 + 0.0:
        y = height_of(tick)
        cv2.line(image, (left, y), (image.shape[1] - MARGIN, y), FAINT, 1)
        _text(image, f"{tick:.1f}", (MARGIN, y + 5), scale=0.42)
    if level is not None:
        y = height_of(level.value)
        cv2.line(image, (left, y), (image.shape[1] - MARGIN, y), SOUND, 2, cv2.LINE_AA)
        _text(image, f"{level.name} {level.value:.2f}", (left + 4, y - 6), SOUND, 0.42)
    places = [(left + i * step + step // 2, height_of(p.value)) for i, p in enumerate(points)]
    cv2.polylines(image, [np.array(places, np.int32)], False, INK, 1, cv2.LINE_AA)
    for (x, y), point in zip(places, points, strict=True):
        if point.deviation is not None:
            ends = [height_of(point.value + sign * point.deviation) for sign in (1, -1)]
            cv2.line(image, (x, ends[0]), (x, ends[1]), INK, 1, cv2.LINE_AA)
        cv2.circle(image, (x, y), 5, PALETTE[0], -1, cv2.LINE_AA)
        _text(image, f"{point.value:.2f}", (x + 8, y - 6), scale=0.42)
        for line, text in enumerate((point.name, point.note), start=1):
            _text(image, text, (x - 4 * len(text), top + height + line * LINE), scale=0.42)
    return image


def draw_tuning(found: TransferResult, side: int = 360) -> Image:
    """Spearman against iterations: a plot for each number of samples, a line for each draw.

    Thick lines are means over the draws; the plots share one scale.
    """
    colours = dict(zip(STARTS, PALETTE[1::-1], strict=True))
    samples = list(dict.fromkeys(row["samples"] for row in found.curves))
    values = [row["spearman"] for row in found.curves if row["spearman"] is not None]
    low, high = min([0.0, *values]), max([1.0, *values])
    image = np.full((side + 2 * LINE, len(samples) * side, 3), 255, np.uint8)
    for i, n in enumerate(samples):
        plot = image[:side, i * side : (i + 1) * side]
        _text(plot, f"{found.action}: fine-tuned on {n}", (MARGIN, LINE), scale=0.45)
        rows = [row for row in found.curves if row["samples"] == n]
        for start in STARTS:
            own = [row for row in rows if row["start"] == start]
            _draws(plot, own, (low, high), colours[start])
    for i, start in enumerate(STARTS):
        place = (MARGIN + i * side // 2, side + LINE // 2)
        _text(image, f"from {start} weights", place, colours[start], 0.42)
    note = f"Spearman on {found.tested} test videos, against iterations"
    _text(image, note, (MARGIN, side + LINE + LINE // 2), scale=0.42)
    return image


def _draws(
    image: Image, rows: Sequence[Mapping[str, Any]], scale: tuple[float, float], colour: Colour
) -> None:
    """One start's draws and their mean, in a plot whose frame and ticks are drawn with them."""
    low, high = scale
    left, top = LEFT // 2, LINE + MARGIN
    right, bottom = image.shape[1] - 2 * MARGIN, image.shape[0] - 2 * LINE
    last = rows[-1]["iteration"]

    def place(iteration: float, value: float) -> tuple[int, int]:
        return (
            left + round(iteration / last * (right - left)),
            top + round((high - value) / (high - low) * (bottom - top)),
        )

    cv2.rectangle(image, (left, top), (right, bottom), FAINT, 1)
    for tick in (0.0, 0.5, 1.0):
        x, y = place(0, tick)
        cv2.line(image, (x, y), (right, y), FAINT, 1)
        _text(image, f"{tick:g}", (MARGIN, y + 4), scale=0.4)
    for tick in (0, last):
        _text(image, str(tick), (place(tick, 0)[0] - 12, bottom + LINE), scale=0.4)
    at: dict[int, list[float]] = {}
    for _, drawn in groupby(rows, key=itemgetter("draw")):
        known = [row for row in drawn if row["spearman"] is not None]
        points = [place(row["iteration"], row["spearman"]) for row in known]
        cv2.polylines(image, [_polyline(points)], False, colour, 1, cv2.LINE_AA)
        for row in known:
            at.setdefault(row["iteration"], []).append(row["spearman"])
    means = [place(iteration, float(np.mean(values))) for iteration, values in sorted(at.items())]
    cv2.polylines(image, [_polyline(means)], False, colour, 3, cv2.LINE_AA)


def _polyline(points: Sequence[tuple[int, int]]) -> NDArray[np.int32]:
    return np.array(points, np.int32).reshape(-1, 2)


def _text(
    image: Image, text: str, place: tuple[int, int], colour: Colour = INK, scale: float = 0.5
) -> None:
    # OpenCV's fonts hold ASCII only.
    shown = text.encode("ascii", "replace").decode()
    cv2.putText(image, shown, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)

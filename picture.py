"""Pictures of results, drawn with OpenCV; computes nothing and decodes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.features.files import replacing
from aqa.models.feedback import Feedback, PoseFeedback

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
    if path.suffix.lower() != ".png":
        raise AqaError(f"{path}: pictures are written as PNG; name a file that ends in .png")
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
    _text(image, f"{feedback.video}{against}: {feedback.meaning}", (MARGIN, LINE))
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

    frames: by number, those of `shown_frames`, drawn around the body; a blank canvas where there
    are none.
    """
    numbers = shown_frames(feedback)
    joints, gradient = (
        every[np.array(numbers) - feedback.offset] for every in (feedback.joints, feedback.gradient)
    )
    low, high = joints.min(axis=1), joints.max(axis=1)  # (columns, 2)
    scale = 0.75 * CANVAS / max(float((high - low).max()), 1.0)
    unit = ARROW / max(float(np.linalg.norm(gradient, axis=2).max()), 1e-12)
    step, top = CANVAS + MARGIN, 3 * LINE
    image = np.full((top + step + LINE, MARGIN + len(numbers) * step, 3), 255, np.uint8)
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
    return image


def _arrow(
    image: Image, start: NDArray[np.floating], end: NDArray[np.floating], colour: Colour
) -> None:
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


def _text(
    image: Image, text: str, place: tuple[int, int], colour: Colour = INK, scale: float = 0.5
) -> None:
    # OpenCV's fonts hold ASCII only.
    shown = text.encode("ascii", "replace").decode()
    cv2.putText(image, shown, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)

"""Small drawings of a page, as the numbers that its SVG needs; the page moves lines over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.workflows.video_reports import ReportedVideo

# Units of the drawings, whatever width they are shown at.
WIDTH, CURVE_HEIGHT, HISTOGRAM_HEIGHT = 1000.0, 150.0, 90.0
_ROOM = 18.0
_BINS = 20
# In rem: a letter on the timeline at the most, and the height of a block with names side by side.
_LETTER, _LEAST_BLOCK = 0.55, 2.75


@dataclass(frozen=True)
class Dot:
    """A moment on the curve: its middle, and whether it is marked."""

    x: float
    y: float
    marked: bool


@dataclass(frozen=True)
class TimelineBlock:
    """A moment on the timeline, in percent of the video's length."""

    left: float
    width: float
    marked: bool
    label: str


@dataclass(frozen=True)
class Curve:
    """The values of a video's moments over its time, and the average that they are held against.

    line, average: points of a polyline, "x,y x,y"; average is "" where there is none. zero: the
    height of the value 0; None where 0 is not shown. names_width: how wide the timeline must be for
    the names on it to fit side by side; where it is narrower they stand upright, on blocks of the
    height names_height. Both in rem.
    """

    line: str
    average: str
    dots: tuple[Dot, ...]
    blocks: tuple[TimelineBlock, ...]
    zero: float | None
    names_width: float
    names_height: float


@dataclass(frozen=True)
class Histogram:
    """How many training videos have which score, and where this video's lies.

    bars: (x, y, width, height) each. x: of the score, kept within the drawing.
    """

    bars: tuple[tuple[float, float, float, float], ...]
    x: float


def curve_of(video: ReportedVideo) -> Curve:
    """The curve and the timeline of a video that can be played."""
    assert video.copy is not None
    duration = video.copy.n_frames / video.copy.fps
    values = np.array([moment.value for moment in video.moments])
    means = np.array([np.nan if m.below is None else m.value + m.below for m in video.moments])
    seen = np.concatenate([values, means[np.isfinite(means)]])
    low, high = float(seen.min()), float(seen.max())
    scale = (CURVE_HEIGHT - 2 * _ROOM) / max(high - low, 1e-9)
    middles = [(m.start + m.stop) / 2 / duration * WIDTH for m in video.moments]

    def height(value: float) -> float:
        return round(CURVE_HEIGHT - _ROOM - (value - low) * scale, 1)

    dots = tuple(
        Dot(round(x, 1), height(moment.value), bool(moment.mark))
        for x, moment in zip(middles, video.moments, strict=True)
    )
    average = [
        f"{x:.1f},{height(float(mean))}"
        for x, mean in zip(middles, means, strict=True)
        if np.isfinite(mean)
    ]
    blocks = _blocks(video, duration)
    widths = [100 * _name_rem(one) / one.width for one in blocks if one.label]
    return Curve(
        " ".join(f"{dot.x},{dot.y}" for dot in dots),
        " ".join(average),
        dots,
        blocks,
        height(0.0) if low <= 0 <= high else None,
        math.ceil(max(widths, default=0)),
        round(max(_LEAST_BLOCK, *map(_name_rem, blocks)), 2),
    )


def _blocks(video: ReportedVideo, duration: float) -> tuple[TimelineBlock, ...]:
    """Moments side by side: clips may overlap, so each ends where the next one begins.

    A block that is much narrower than others has no number, and no name if the one before has the
    same: it has no room, and one knows what would stand there.
    """
    starts = [moment.start for moment in video.moments]
    stops = [*starts[1:], video.moments[-1].stop]
    widths = [
        100 * max(stop - start, 0.0) / duration for start, stop in zip(starts, stops, strict=True)
    ]
    blocks: list[TimelineBlock] = []
    stage = ""
    for moment, start, width in zip(video.moments, starts, widths, strict=True):
        name = moment.stage.replace("_", " ") or str(moment.number + 1)
        known = name == stage or not moment.stage
        label = "" if width == 0 or (known and width < max(widths) / 2) else name
        blocks.append(TimelineBlock(100 * start / duration, width, bool(moment.mark), label))
        stage = name
    return tuple(blocks)


def _name_rem(block: TimelineBlock) -> float:
    """About how long the name on a block is, in rem, with the room around it."""
    return _LETTER * len(block.label) + 0.5


def faults_on(video: ReportedVideo) -> tuple[TimelineBlock, ...]:
    """Where the true faults of a video that can be played are, with their names."""
    assert video.copy is not None
    duration = video.copy.n_frames / video.copy.fps
    return tuple(
        TimelineBlock(
            100 * fault.start / duration,
            100 * (fault.stop - fault.start) / duration,
            True,
            fault.name.replace("_", " "),
        )
        for fault in video.true_faults
    )


def histogram_of(training: Sequence[float], score: float) -> Histogram | None:
    """None where fewer than two training scores are known."""
    if len(training) < 2 or min(training) == max(training):
        return None
    counts, edges = np.histogram(training, min(_BINS, len(training)))
    low, high = float(edges[0]), float(edges[-1])
    width = WIDTH / len(counts)
    heights = counts / counts.max() * (HISTOGRAM_HEIGHT - 4)
    bars = tuple(
        (round(i * width + 1, 1), round(HISTOGRAM_HEIGHT - h, 1), round(width - 2, 1), round(h, 1))
        for i, h in enumerate(heights.tolist())
    )
    return Histogram(bars, min(max((score - low) / (high - low), 0.0), 1.0) * WIDTH)

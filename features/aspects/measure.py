"""The aspects of one video: from a number for each frame to one value, with its worst frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.features.aspects.body import Array, BodyJoints
from aqa.features.aspects.definition import Aspect, AspectSet
from aqa.features.aspects.events import find_events
from aqa.features.aspects.series import Series, log_jerk, series_of, turn_of
from aqa.features.aspects.splash import WhiteFrames, splash_series

# Confidence of an aspect below which its value is no fact; decided on drawn training dives
# (docs/results.md).
LEAST_SURE = 0.3
_LARGEST = 1e6  # what joints that lie nearly at one place, or nowhere, make larger is not told


@dataclass(frozen=True)
class Measured:
    """What one aspect of one video is.

    value: in the aspect's unit; None where it does not apply or cannot be measured. frame: of the
    video, counted from the first that the manifest asks for: that of a largest or least value, else
    the one on which it is worst; None where it is of no single one. confidence: 0 to 1, of the
    joints behind it, on average over the frames it was measured on; a frame that does not show them
    counts as 0; of a largest or least value no more than on its own frame. why: why there is no
    value. applies: whether it is an aspect of such a video.
    """

    value: float | None
    frame: int | None = None
    confidence: float = 0.0
    why: str = ""
    applies: bool = True

    @property
    def doubtful(self) -> bool:
        """Whether there is a value that its joints are too unsure for."""
        return self.value is not None and self.confidence < LEAST_SURE


@dataclass(frozen=True)
class Seen:
    """All that a video shows: its body, its frame rate, and white water from pixels.

    fps: frames per second; NaN where not known. stages: name -> first frame. columns: column of the
    manifest -> text. white: how white its pixels are; None where nobody looked. still_camera:
    whether the camera does not move.
    """

    body: BodyJoints
    fps: float
    stages: Mapping[str, int]
    columns: Mapping[str, str]
    white: WhiteFrames | None = None
    still_camera: bool = False


def measure(definition: AspectSet, seen: Seen) -> dict[str, Measured]:
    """Every aspect of a video, by name, in their order."""
    events = find_events(definition, seen.body, seen.stages)
    return {one.name: _measure(one, seen, events, definition) for one in definition.aspects}


def not_applying(aspect: Aspect, columns: Mapping[str, str]) -> Measured | None:
    """That an aspect is of other videos than one with these columns; None where it is of it."""
    for column, values in aspect.only.items():
        if columns.get(column, "").strip().lower() not in values:
            return Measured(None, why=f"only of {column} {', '.join(values)}", applies=False)
    return None


def _measure(
    aspect: Aspect, seen: Seen, events: Mapping[str, int], definition: AspectSet
) -> Measured:
    if (other := not_applying(aspect, seen.columns)) is not None:
        return other
    missing = [name for name in aspect.over if name not in events]
    if missing:
        return Measured(None, why=_not_found(missing[0], definition))
    first, last = (events[name] for name in aspect.over)
    timed = aspect.kind in ("duration", "jerk", "splash") or aspect.before or aspect.after
    if timed and not np.isfinite(seen.fps):
        return Measured(None, why="frames per second are not known")
    if aspect.kind == "duration":
        return _duration(aspect, seen, first, last)
    window = _window(aspect, first, last, seen.fps, len(seen.body))
    if not len(window):
        return Measured(None, why=f"no frame between {' and '.join(aspect.over)}")
    if aspect.kind == "splash":
        if seen.white is None:
            return Measured(None, why="no pixels of the video")
        if seen.body.joints.shape[2] != 2:
            return Measured(None, why="joints of x, y and z tell no place in the picture")
        areas = splash_series(seen.white, seen.body, first, seen.fps)
        seen_in = window[np.isfinite(areas.values[window])]  # water needs some frames to rise
        return _reduced(aspect, areas, seen_in)
    if aspect.kind == "travel" and not seen.still_camera:
        return Measured(None, why="the camera may move (--still-camera)")
    turn = turn_of(seen.body, first, last) if first < last else turn_of(seen.body, 0, last)
    series = series_of(aspect, seen.body, turn, first)
    if series is None:
        return Measured(None, why=_lacking(aspect, seen.body))
    if aspect.kind == "jerk":
        return _jerk(aspect, seen, series, window)
    return _reduced(aspect, series, window)


def _not_found(name: str, definition: AspectSet) -> str:
    event = definition.events[name]
    rule = f", and the rule {event.rule} finds none" if event.rule else ", and it has no rule"
    return f"the event {name} is not known: no stage_{event.stage} in the manifest{rule}"


def _lacking(aspect: Aspect, body: BodyJoints) -> str:
    names = [
        name for name in aspect.points if body.point(name) is None and " " in name
    ] or aspect.points
    if aspect.signed != "no":
        return "the body does not turn, or lacks joints"
    feet = "feet not seen from the side, or " if aspect.kind == "ahead" else ""
    return f"{feet}no joints for {', '.join(names)}"


def _duration(aspect: Aspect, seen: Seen, first: int, last: int) -> Measured:
    if last <= first:
        return Measured(None, why=f"{aspect.over[1]} is not after {aspect.over[0]}")
    return Measured((last - first) / seen.fps, None, 1.0)


def _window(aspect: Aspect, first: int, last: int, fps: float, n: int) -> NDArray[np.intp]:
    """The frames that an aspect is measured on."""
    before = round(aspect.before * fps) if aspect.before else 0
    after = round(aspect.after * fps) if aspect.after else 0
    first, last = first - before, last + after
    length = last - first + 1
    first, last = first + round(aspect.trim[0] * length), last - round(aspect.trim[1] * length)
    return np.arange(max(first, 0), min(last, n - 1) + 1)


def _jerk(aspect: Aspect, seen: Seen, series: Series, window: NDArray[np.intp]) -> Measured:
    point = seen.body.point(aspect.points[0])
    assert point is not None
    value = log_jerk(point[0][window], seen.fps)
    if not np.isfinite(value):
        return Measured(None, why="fewer than five frames in a row show the joint, or it stays")
    return Measured(value, None, float(series.confidence[window].mean()))


def _reduced(aspect: Aspect, series: Series, window: NDArray[np.intp]) -> Measured:
    if not len(window):
        return Measured(None, why="no frame there shows it")
    values = series.values[window]
    there = np.abs(values) < _LARGEST
    if not there.any():
        near = ", or the last two points lie too near each other" if aspect.kind == "ratio" else ""
        return Measured(None, why=f"no frame there shows the joints{near}")
    seen = values[there]
    frames = window[there]
    if aspect.reduce == "at":
        middle = (window[0] + window[-1]) / 2
        nearest = int(np.abs(frames - middle).argmin())
        return Measured(float(seen[nearest]), int(frames[nearest]), _sure(series, window))
    least = aspect.reduce == "min" or (aspect.reduce != "max" and aspect.worse == "less")
    worst = int(seen.argmin() if least else seen.argmax())
    value = float(_REDUCE[aspect.reduce](seen))
    # A largest or least value is of one frame: where the joints there are wrong, it is wrong.
    extremes = {"max": [seen.argmax()], "min": [seen.argmin()]}
    extremes["range"] = [seen.argmax(), seen.argmin()]
    there_sure = series.confidence[frames[extremes.get(aspect.reduce, [])]].min(initial=1.0)
    return Measured(value, int(frames[worst]), min(_sure(series, window), float(there_sure)))


def _sure(series: Series, window: NDArray[np.intp]) -> float:
    return float(series.confidence[window].mean())


def _range(values: Array) -> float:
    return float(values.max() - values.min())


_REDUCE: dict[str, Callable[[Array], float]] = {
    "mean": np.mean,
    "median": np.median,
    "max": np.max,
    "min": np.min,
    "range": _range,
}

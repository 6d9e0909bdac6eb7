"""What is said of a video, in words that a coach reads."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.evaluation.metric import point_digits
from aqa.workflows.video_reports import Moment, ReportedVideo

# Fewer points than this are no difference worth a word.
LEAST_POINTS = 0.05


def place_of(moment: Moment) -> str:
    """Where in the video a moment is, as in "Entry, 2.1 to 2.7 s".

    >>> place_of(Moment(2, "entry", 2.13, 2.66, -3.0, 3.0, 4.0, "faulty", ()))
    'Entry, 2.1 to 2.7 s'
    """
    name = moment.stage.replace("_", " ").capitalize() or f"Clip {moment.number}"
    if moment.start != moment.start:
        return name
    return f"{name}, {moment.start:.1f} to {moment.stop:.1f} s"


def sentence_of(moment: Moment, video: ReportedVideo) -> str:
    """One moment: how far it is below, or above, what it is compared with."""
    return f"{place_of(moment)}: {comparison_of(moment, video)}"


def comparison_of(moment: Moment, video: ReportedVideo) -> str:
    """The second half of `sentence_of`."""
    feedback = video.feedback
    assert feedback is not None
    if moment.below is None:
        mark = f", {moment.mark}" if moment.mark else ""
        return f"{moment.value:.2f} ({feedback.meaning}){mark}"
    mark = "; faulty" if moment.mark == "faulty" else ""
    if mark and moment.below < LEAST_POINTS:
        return f"about {points(moment.below_good or 0)} below the better of {video.beside}{mark}"
    if abs(moment.below) < LEAST_POINTS:
        return f"as in {video.beside}"
    side = "below" if moment.below > 0 else "above"
    return f"about {points(abs(moment.below))} {side} {video.beside}{mark}"


def points(value: float) -> str:
    """A number of points in words.

    >>> points(3.14)
    '3.1 points'
    """
    return f"{value:.1f} points"


def worst_first(video: ReportedVideo) -> list[Moment]:
    """The marked moments, those that cost most first; none that is as in other videos."""
    marked = [
        moment
        for moment in video.moments
        if moment.mark == "faulty"
        or (moment.mark and (moment.below is None or moment.below >= LEAST_POINTS))
    ]
    return sorted(marked, key=_badness)


def _badness(moment: Moment) -> float:
    return moment.value if moment.below is None else -moment.below


def headline(video: ReportedVideo) -> str:
    """What stands out, in one sentence."""
    if video.feedback is None:
        return video.commentary
    marked = worst_first(video)
    if not marked:
        return f"No part of the video is {video.feedback.mark}."
    return f"{sentence_of(marked[0], video)}."


def score_text(score: float, training: Sequence[float]) -> str:
    """A score with as many digits as the training scores' range asks for."""
    return f"{score:.{point_digits(training or (score,), 1)}f}"

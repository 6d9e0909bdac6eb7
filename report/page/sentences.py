"""What is said of a video, in words that a coach reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aqa.evaluation.metric import point_digits
from aqa.models.feedback import Feedback
from aqa.number_text import fixed
from aqa.workflows.moments import Moment, beside_good, weakest
from aqa.workflows.true_faults import TrueFault

# Fewer points than this are no difference worth a word.
LEAST_POINTS = 0.05


class HasMoments(Protocol):
    """A video of which moments are told, see `aqa.workflows.moments.Why`."""

    @property
    def feedback(self) -> Feedback | None:
        """On its clips; None where the head says nothing of clips."""
        ...

    @property
    def beside(self) -> str:
        """What clips are compared with, in words; "" where with nothing."""
        ...

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Its clips, in order."""
        ...

    @property
    def commentary(self) -> str:
        """What the head writes of the whole; "" for nothing."""
        ...


def clip_name(number: int) -> str:
    """A clip as people count, from 1. number: from 0, as in files and JSON.

    >>> clip_name(0)
    'Clip 1'
    """
    return f"Clip {number + 1}"


def place_of(moment: Moment) -> str:
    """Where in the video a moment is, as in "Entry, 2.1 to 2.7 s".

    >>> place_of(Moment(2, "entry", 2.13, 2.66, -3.0, 3.0, 4.0, "faulty", ()))
    'Entry, 2.1 to 2.7 s'
    """
    name = moment.stage.replace("_", " ").capitalize() or clip_name(moment.number)
    if moment.start != moment.start:
        return name
    return f"{name}, {moment.start:.1f} to {moment.stop:.1f} s"


def sentence_of(moment: Moment, video: HasMoments) -> str:
    """One moment: how far it is below, or above, what it is compared with."""
    return f"{place_of(moment)}: {comparison_of(moment, video)}"


def comparison_of(moment: Moment, video: HasMoments) -> str:
    """The second half of `sentence_of`."""
    feedback = video.feedback
    assert feedback is not None
    mark = "; faulty" if moment.mark == "faulty" else ""
    if moment.below is None or moment.below_good is None:
        said = f", {moment.mark}" if moment.mark else ""
        return f"{fixed(moment.value, 2)} ({feedback.meaning}){said}"
    if abs(moment.below) < LEAST_POINTS:
        said = f"as in {video.beside}"
    else:
        side = "below" if moment.below > 0 else "above"
        said = f"about {points(abs(moment.below))} {side} {video.beside} on average"
    if moment.below_range is not None:
        said += f" (eight in ten of them are {range_words(*moment.below_range)})"
    elif moment.below_good >= LEAST_POINTS:
        said += f", {points(moment.below_good)} below the better of these"
    return said + mark


def range_words(least: float, most: float) -> str:
    """By how many points others are better or worse than a moment, the smaller number first.

    >>> range_words(1.02, 5.0), range_words(-4.0, -1.5)
    ('1.0 to 5.0 points better', '1.5 to 4.0 points worse')
    >>> range_words(-2.0, 3.0)
    'between 2.0 points worse and 3.0 better'
    """
    if least >= 0:
        return f"{fixed(least, 1)} to {points(most)} better"
    if most <= 0:
        return f"{fixed(-most, 1)} to {points(-least)} worse"
    return f"between {points(-least)} worse and {most:.1f} better"


def points(value: float) -> str:
    """A number of points in words.

    >>> points(3.14)
    '3.1 points'
    """
    return f"{fixed(value, 1)} points"


def worst_first(video: HasMoments) -> list[Moment]:
    """The moments that stand out, those that are farthest below good ones first."""
    return sorted((moment for moment in video.moments if moment.mark), key=beside_good)


def headline(video: HasMoments) -> str:
    """What stands out, in one sentence; else that nothing does, or that it is not known."""
    worst = weakest(video.moments)
    if video.feedback is None or worst is None:
        return video.commentary
    said = sentence_of(worst, video)
    if worst.mark:
        return f"{said}."
    nothing = "Nothing stands out."
    if video.feedback.outright_unknown:
        nothing = f"What stands out is not known, as {video.feedback.outright_unknown}."
    return f"{nothing} The weakest moment: {said[0].lower()}{said[1:]}."


def faults_text(faults: Sequence[TrueFault]) -> str:
    """The true faults, in words.

    >>> faults_text([TrueFault("large_splash", 2.41, 2.9)])
    'large splash, 2.4 to 2.9 s'
    """
    return "; ".join(
        f"{one.name.replace('_', ' ')}, {one.start:.1f} to {one.stop:.1f} s" for one in faults
    )


def score_text(score: float, training: Sequence[float]) -> str:
    """A score with as many digits as the training scores' range asks for."""
    return f"{score:.{point_digits(training or (score,), 1)}f}"

"""The moments of a video: its clips, with how far each is below those of other videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aqa.annotations.manifest import Video
from aqa.extract.video.browser import BrowserVideo
from aqa.models.feedback import ClipFeedback, Feedback
from aqa.models.feedback.reference import TrainingLevels
from aqa.models.runs import Run
from aqa.workflows.feedback import SeenVideo, WrittenFeedback, feedback_on


@dataclass(frozen=True)
class Moment:
    """One clip of a reported video, with what is said of it.

    stage: the name of the stage that its middle lies in, `start` before the first; "" where nobody
    says. start, stop: seconds in the copy that a page plays, or in the file; NaN where not known.
    value: the head's number. below, below_good: points by which it is below the average of
    `beside`, and below what one in four of them reaches; None where it is not compared with
    training videos. below_range: points by which it is below the middle 80 % of them, the least and
    the most; negative where it is above; None where this is not known. mark: what it is called
    where it stands out, else "". matched: for each exemplar of the page, the seconds in its copy
    where the clip that this one is compared with begins and ends.
    """

    number: int
    stage: str
    start: float
    stop: float
    value: float
    below: float | None
    below_good: float | None
    mark: str
    matched: tuple[tuple[float, float], ...]
    below_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Why:
    """What a head says of the moments of one video; the fields of `ReportedVideo` of these names.

    feedback: None where it says nothing of clips. beside: what clips are compared with, in words;
    "" where with nothing. commentary: what it writes of the whole; "" for nothing. run: the folder
    of the run that says it.
    """

    run: str
    feedback: Feedback | None
    beside: str
    moments: tuple[Moment, ...]
    commentary: str = ""


def why_of(run: Run, seen: SeenVideo, align: str = "index") -> Why:
    """Why a video has its score, by one run whose head says something of clips, or writes."""
    said = feedback_on(run, seen, align)
    if isinstance(said, WrittenFeedback):
        return Why(str(run.folder), None, "", (), said.commentary)
    if not isinstance(said, Feedback):
        return Why(str(run.folder), None, "", ())
    beside, levels = compared_with(run, seen, said)
    return Why(str(run.folder), said, beside, moments_of(seen, said, levels))


def compared_with(
    run: Run, seen: SeenVideo, feedback: Feedback | None
) -> tuple[str, TrainingLevels | None]:
    """What clips are compared with, in words and in points."""
    reference = run.clip_reference
    if feedback is None or reference is None or feedback.total is None:
        return "", None
    found = reference.compare(len(seen.features.clips), seen.video.type or "")
    return f"other {found.type} videos" if found.type else "the training videos", found


def weakest(moments: Sequence[Moment]) -> Moment | None:
    """The moment that is farthest below good ones, whether it stands out or not."""
    return min(moments, key=beside_good, default=None)


def beside_good(moment: Moment) -> float:
    """How a moment stands beside good ones, as where faults are frequent the mean is low itself."""
    return moment.value if moment.below_good is None else -moment.below_good


def moments_of(
    seen: SeenVideo,
    feedback: Feedback | None,
    levels: TrainingLevels | None,
    copy: BrowserVideo | None = None,
    matched: Sequence[Mapping[int, tuple[float, float]]] = (),
) -> tuple[Moment, ...]:
    """The clips of a video, with what is said of each.

    copy: what a page plays; without one, seconds are those of the file. matched: for each exemplar,
    the seconds in its copy that each clip is compared with.
    """
    if feedback is None:
        return ()
    moments = []
    for clip in feedback.clips:
        start, stop = clip.start_seconds, clip.stop_seconds
        if copy is not None:
            start, stop = copy.seconds(clip.start), copy.seconds(clip.stop)
        moments.append(
            Moment(
                number=clip.clip,
                stage=_stage(seen.video, (clip.start + clip.stop) // 2),
                start=float("nan") if start is None else start,
                stop=float("nan") if stop is None else stop,
                value=clip.value,
                below=None if levels is None else float(levels.mean[clip.clip]) - clip.value,
                below_good=None if levels is None else float(levels.good[clip.clip]) - clip.value,
                mark=clip.said if clip.stands_out else "",
                matched=tuple(one[clip.clip] for one in matched),
                below_range=_below_range(clip),
            )
        )
    return tuple(moments)


def _below_range(clip: ClipFeedback) -> tuple[float, float] | None:
    if clip.low is None or clip.high is None:
        return None
    return clip.low - clip.value, clip.high - clip.value


def _stage(video: Video, frame: int) -> str:
    """The name of the stage that a frame of the file lies in."""
    frame -= video.start_frame or 0
    begun = [name for name, first in video.stages.items() if first <= frame]
    if not begun:
        return "start" if video.stages else ""
    return begun[-1]

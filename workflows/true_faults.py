"""The true faults of a video, where somebody has told them, to show beside those that are found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aqa.annotations.manifest import Manifest, Video
from aqa.evaluation.feedback import FeedbackError, faulty_clips
from aqa.extract.video.browser import BrowserVideo
from aqa.features.video_features import VideoFeatures


@dataclass(frozen=True)
class TrueFault:
    """A fault that is there by whoever told it. start, stop: seconds in the copy that is shown."""

    name: str
    start: float
    stop: float


def told_faults(
    video: Video, features: VideoFeatures, manifest: Manifest, copy: BrowserVideo
) -> tuple[TrueFault, ...]:
    """Those of the manifest's column `faulty_clips`; none where it says nothing of the video.

    features: of clips of the video itself, as the column counts these, and not of rows of joints.
    """
    try:
        clips = sorted(faulty_clips(video, len(features.clips), manifest))
    except FeedbackError:  # no such column, or one of other clips
        return ()
    return faults_of((("fault", *features.frames(number)) for number in clips), copy)


def faults_of(named: Iterable[tuple[str, int, int]], copy: BrowserVideo) -> tuple[TrueFault, ...]:
    """Faults by name, first frame and the one behind the last; those that touch are one."""
    made: list[TrueFault] = []
    for name, start, stop in named:
        one = TrueFault(name, copy.seconds(start), copy.seconds(stop))
        if made and made[-1].name == name and one.start <= made[-1].stop:
            made[-1] = TrueFault(name, made[-1].start, one.stop)
        else:
            made.append(one)
    return tuple(made)

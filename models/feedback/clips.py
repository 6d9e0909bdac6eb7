"""What a fitted head says of the clips of one video."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import Examples, example_of
from aqa.models.feedback.reference import QUIET, ClipReference, TrainingLevels
from aqa.models.heads.base import Explanation, Head

# What is said of a clip below its limit.
Mark = Literal["faulty", "below average"]


@dataclass(frozen=True)
class ClipFeedback:
    """What is said of one clip.

    clip: its number, from 0. start, stop: half-open range of frames of the video file, and the
    same in seconds, None where the frame rate is not known. value: the head's number for it.
    average: what the same part of training videos has, None where it is not compared with them.
    limit: below it, or at it, the clip is faulty, or below average where the head cannot tell
    faulty clips. good: what one in four of the same part of training videos reaches, None as
    `average`. outright_limit: below it, or at it, the clip stands out: it is told of outright, see
    `aqa.models.feedback.Claims`. said: what it is called; "" for nothing. exemplar_clips: id of
    each exemplar -> the number of its clip that this one was compared with. low, high: between
    these the middle 80 % of the same part of training videos lie; None as `average`, and for runs
    made before this was kept.
    """

    clip: int
    start: int
    stop: int
    start_seconds: float | None
    stop_seconds: float | None
    value: float
    average: float | None
    limit: float
    faulty: bool
    below_average: bool
    good: float | None
    outright_limit: float
    stands_out: bool
    said: str
    exemplar_clips: Mapping[str, int]
    low: float | None = None
    high: float | None = None

    @property
    def marked(self) -> bool:
        """Whether it is called faulty or below average."""
        return self.faulty or self.below_average


@dataclass(frozen=True)
class Total:
    """How a score is made up, where the clips' values are points that add up to it.

    base, clips, padding: points; those of the clips that are told of, and those of clips that are
    all padding. of: what they add up to, such as `score`, or `score / difficulty`; the name of
    another target where the head predicts that. score: of the video.
    """

    base: float
    clips: float
    padding: float
    of: str
    score: float

    @property
    def sum(self) -> float:
        """Base, clips and padding."""
        return self.base + self.clips + self.padding


@dataclass(frozen=True)
class Feedback:
    """What is said of the clips of one video.

    meaning: what the clips' values are. mark: what a clip below its limit is called. rule: what the
    limit is. evidence: how well faulty clips are told, or why none is called so; "" where nothing
    is known of it. outright, weak: what a marked clip is called, where it stands out and where it
    does not. outright_rule: from where on it does; "" where every clip that is marked does. total:
    how the score is made up, None where values are no points. outright_unknown: why nobody knows
    which clips stand out; "" where it is known.
    """

    video: str
    meaning: str
    mark: Mark
    rule: str
    evidence: str
    outright: str
    outright_rule: str
    weak: str
    total: Total | None
    clips: list[ClipFeedback]
    outright_unknown: str = ""


def give_feedback(
    head: Head,
    video: Video,
    seen: VideoFeatures,
    blank: NDArray[np.float32] | None,
    align: str = "index",
    reference: ClipReference | None = None,
) -> Feedback:
    """Explain a video clip by clip; clips that are all padding are left out.

    blank: the feature of a clip of black frames, None where there is none. align: which clips of an
    exemplar are compared, see `aqa.models.heads.base.alignment`. reference: the training videos
    that clips which add points are compared with; None for a run made before there was one.
    """
    example = example_of(video, seen.features, seen.clips, head.answer_columns, blank)
    explanation = head.explain(example, align=align)
    shown = shown_clips(seen)
    verdict = _verdict(explanation, reference, video.type or "")
    clips = [_clip_feedback(i, seen, explanation, verdict) for i in shown]
    total = None if explanation.base is None else _total(head, example, explanation, shown)
    return Feedback(
        video.id,
        explanation.meaning,
        verdict.mark,
        verdict.rule,
        verdict.evidence,
        verdict.words[True],
        verdict.outright_rule,
        verdict.words[False],
        total,
        clips,
        verdict.outright_unknown,
    )


def shown_clips(seen: VideoFeatures) -> list[int]:
    """The numbers of the clips that are not all padding."""
    return [i for i, clip in enumerate(seen.clips) if not clip.is_blank(seen.n_frames)]


@dataclass(frozen=True)
class _Verdict:
    """What each clip's value is held against.

    levels: the training videos' points; None without training videos. margin: points below `good`
    from which on a clip stands out, infinite where none does; None: every marked one does.
    outright_unknown: why none does.
    """

    mark: Mark
    rule: str
    evidence: str
    marked: NDArray[np.bool_]
    limits: NDArray[np.float64]
    levels: TrainingLevels | None = None
    margin: float | None = None
    outright_unknown: str = ""

    @property
    def words(self) -> Mapping[bool, str]:
        """What a marked clip is called, where it stands out and where it does not."""
        if self.margin is None:
            return {True: self.mark, False: self.mark}
        if self.mark == "faulty":
            return {True: "faulty", False: "perhaps faulty"}
        return {True: "far below average", False: "below average"}

    @property
    def outright_rule(self) -> str:
        """From where on a clip stands out, in words."""
        if self.margin is None:
            return ""
        if math.isinf(self.margin):
            return f"said of no clip, as {self.outright_unknown}"
        return (
            f"{self.margin:.2f} or more below the level that one in four reaches; "
            f"{100 - 100 * QUIET:.0f} % of good training videos have such a clip"
        )


def _verdict(explanation: Explanation, reference: ClipReference | None, kind: str) -> _Verdict:
    if explanation.base is not None and reference is not None:
        return _compared(explanation, reference, kind)
    limits = np.full(len(explanation.values), explanation.limit)
    mark: Mark = "faulty" if explanation.base is None else "below average"
    evidence = ""
    if explanation.base is not None:
        evidence = (
            "not called faulty: the run holds no training videos' clips to compare these with; one "
            "made by today's `aqa fit` or `aqa finetune` does"
        )
    rule = f"below {explanation.limit:g}"
    return _Verdict(mark, rule, evidence, explanation.faulty, limits)


def _compared(explanation: Explanation, reference: ClipReference, kind: str) -> _Verdict:
    found = reference.compare(len(explanation.values), kind)
    beside = _training_videos(found, kind)
    told, margin, claims = reference.told, reference.margin, reference.claims
    outright = None
    outright_unknown = "" if claims is None else claims.missing
    if claims is not None:
        outright = math.inf if claims.margin is None else claims.margin
    if told is not None and margin is not None and reference.calls_faulty:
        limits = found.good - margin
        points = " points" if explanation.meaning.startswith("points") else ""
        return _Verdict(
            "faulty",
            f"{margin:.2f}{points} or more below the level that one in four of {beside} reaches in "
            "the same part of the video",
            f"tried on {told.videos} held-out videos whose faulty clips are known: of those that "
            f"it calls faulty {100 * told.precision:.0f} % are, and it finds "
            f"{100 * told.recall:.0f} % of the faulty ones (F1 {told.f1:.2f}; "
            f"{told.f1_of_all:.2f} if every clip is called faulty)",
            explanation.values <= limits,
            limits,
            found,
            None if outright is None else max(outright, margin),
            outright_unknown,
        )
    why = reference.untold
    if told is not None:
        why = (
            f"on {told.videos} held-out videos, faulty clips were not told better than by "
            f"chance (F1 {told.f1:.2f}; {told.f1_of_all:.2f} if every clip is called faulty)"
        )
    return _Verdict(
        "below average",
        f"below the mean of {beside} in the same part of the video",
        f"not called faulty: {why}",
        explanation.values < found.mean,
        found.mean,
        found,
        outright,
        outright_unknown,
    )


def _training_videos(found: TrainingLevels, kind: str) -> str:
    if found.type:
        return f"the {found.videos} training videos of type {found.type}"
    why = f"too few are of type {kind}" if kind else "the video's type is not known"
    return f"all {found.videos} training videos ({why})"


def _clip_feedback(
    number: int, seen: VideoFeatures, explanation: Explanation, verdict: _Verdict
) -> ClipFeedback:
    start, stop = seen.frames(number)
    marked = bool(verdict.marked[number])
    value = float(explanation.values[number])
    limit = outright = float(verdict.limits[number])
    levels = verdict.levels
    good = None if levels is None else float(levels.good[number])
    far = True
    if good is not None and verdict.margin is not None:
        far = good - value >= verdict.margin
        if math.isfinite(verdict.margin):
            outright = min(limit, good - verdict.margin)
    return ClipFeedback(
        clip=number,
        start=start,
        stop=stop,
        start_seconds=seen.seconds(start),
        stop_seconds=seen.seconds(stop),
        value=value,
        average=None if levels is None else float(levels.mean[number]),
        limit=limit,
        faulty=marked and verdict.mark == "faulty",
        below_average=marked and verdict.mark == "below average",
        good=good,
        outright_limit=outright,
        stands_out=marked and far,
        said=verdict.words[far] if marked else "",
        exemplar_clips={name: int(clips[number]) for name, clips in explanation.matched.items()},
        low=None if levels is None or levels.low is None else float(levels.low[number]),
        high=None if levels is None or levels.high is None else float(levels.high[number]),
    )


def _total(head: Head, example: Examples, explanation: Explanation, shown: list[int]) -> Total:
    assert explanation.base is not None
    clips = float(explanation.values[shown].sum())
    padding = float(explanation.values.sum()) - clips
    score = float(head.predict_examples(example)[0])
    return Total(explanation.base, clips, padding, explanation.of, score)

"""What a fitted head says of the measured aspects of one video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aqa.annotations.manifest import Video
from aqa.features.aspects.measure import Measured
from aqa.features.aspects.read import parse_aspects
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import example_of
from aqa.models.heads.base import Head


@dataclass(frozen=True)
class AspectMark:
    """What is said of one aspect.

    says: a sentence; the value, where no definition gives one. good: the value that one training
    video in four reaches. points: lost (less than 0) or gained against that value. slope, low,
    high: points per unit, and the interval of it. frame, seconds: where it is worst, in the video
    file; None where that is not known. confidence: of the joints behind the value, 0 to 1; None
    where that is not known. doubtful: whether that is too little for the value to be a fact.
    """

    aspect: str
    says: str
    value: float
    unit: str
    good: float
    points: float
    slope: float
    low: float
    high: float
    frame: int | None
    seconds: float | None
    confidence: float | None = None
    doubtful: bool = False


@dataclass(frozen=True)
class AspectFeedback:
    """What is said of a video's aspects, the most costly first.

    worst: a sentence on the most costly one of those that are not doubtful.
    """

    video: str
    meaning: str
    worst: str
    aspects: list[AspectMark]


def give_aspect_feedback(
    head: Head,
    video: Video,
    seen: VideoFeatures,
    definition: str | None,
    measured: Mapping[str, Measured],
) -> AspectFeedback:
    """Say what each aspect costs.

    definition: the TOML that declares them. measured: aspect -> what it is, for the frames; those
    that did not apply or could not be measured are left out.
    """
    answering: Any = head
    example = example_of(video, seen.features, seen.clips, head.answer_columns)
    known = parse_aspects(definition, "the store's aspects").by_name if definition else {}
    marks = []
    for one in answering.aspect_points(example):
        found = measured.get(one.name)
        if found is not None and found.value is None:
            continue
        frame = None if found is None or found.frame is None else found.frame + seen.offset
        declared = known.get(one.name)
        said = declared.sentence(one.value) if declared else f"{one.name}: {one.value:.3g}"
        marks.append(
            AspectMark(
                one.name,
                said,
                one.value,
                one.unit,
                one.good,
                one.points,
                one.slope,
                one.interval[0],
                one.interval[1],
                frame,
                None if frame is None else seen.seconds(frame),
                None if found is None else found.confidence,
                found is not None and found.doubtful,
            )
        )
    return AspectFeedback(
        video.id,
        "lost (-) or gained (+) against the value that one training video in four reaches",
        _worst(marks),
        marks,
    )


def _worst(marks: list[AspectMark]) -> str:
    sure = [mark for mark in marks if not mark.doubtful]
    but = "" if len(sure) == len(marks) else "; doubtful aspects are not counted"
    if not sure or sure[0].points > -0.05:
        return f"no aspect costs it points against what one training video in four reaches{but}"
    first = sure[0]
    where = "" if first.frame is None else f" (frame {first.frame})"
    return f"the most costly: {first.says}{where}, {-first.points:.1f} points{but}"

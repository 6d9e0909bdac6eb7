"""The page on one or several videos: they play, and each moment says what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.evaluation.metric import point_digits
from aqa.models.trust.model_facts import SHOWN_DIGITS, model_facts
from aqa.number_text import fixed, signed
from aqa.report.feedback_table import move_row
from aqa.report.page.aspect_parts import AspectPart, aspect_part
from aqa.report.page.charts import (
    Curve,
    Histogram,
    TimelineBlock,
    curve_of,
    faults_on,
    histogram_of,
)
from aqa.report.page.joint_words import move_sentence, pose_headline, told_moves
from aqa.report.page.sentences import (
    comparison_of,
    faults_text,
    headline,
    place_of,
    score_text,
    sentence_of,
    worst_first,
)
from aqa.report.page.template_files import data_address, page_templates
from aqa.report.score_table import bounds_text
from aqa.workflows.moments import weakest
from aqa.workflows.shown_joints import ShownJoints
from aqa.workflows.video_reports import BrowserVideo, ReportedVideo, VideosReport

# Where a page finds a copy of a video: data that it holds itself, or a file beside it.
Address = str


@dataclass(frozen=True)
class _VideoSection:
    """A video as the template shows it: texts and drawn numbers, nothing left to work out."""

    number: int
    video: ReportedVideo
    score: str
    range: str
    splits: str
    headline: str
    sentences: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    curve: Curve | None
    faults: tuple[TimelineBlock, ...]
    told_faults: str
    histogram: Histogram | None
    moves: tuple[Mapping[str, str], ...]
    joint_rows: tuple[Sequence[str], ...]
    thumbnail: Address
    player: Mapping[str, Any]
    aspects: tuple[AspectPart, ...]
    doubtful: str


def videos_page(
    report: VideosReport,
    command: str,
    addresses: Mapping[int, Address] | None = None,
    links: Sequence[Address] = (),
) -> str:
    """The page as HTML.

    command: what was typed to make it. addresses: number of a copy, see `copies_of`, -> where its
    file lies, seen from the page; None puts all videos into the page. links: where a page of each
    video lies, seen from this one, which then is the ranking alone.
    """
    copies = copies_of(report)
    if links:
        addresses = dict.fromkeys(range(len(copies)), "")
    where = addresses or {i: data_address("video/mp4", copy.data) for i, copy in enumerate(copies)}
    number = {copy: i for i, copy in enumerate(copies)}
    shown = [_shown(i, video, report, number) for i, video in enumerate(report.videos)]
    return (
        page_templates()
        .get_template("videos.html.j2")
        .render(
            report=report,
            shown=shown,
            links=links,
            addresses=[where[i] for i in range(len(copies))],
            command=command,
            model=model_facts(report.runs),
            digits=SHOWN_DIGITS,
            n_training=len({i for run in report.runs for i in run.record["split"]["train"]}),
            lowest=score_text(min(report.training), report.training) if report.training else "",
            highest=score_text(max(report.training), report.training) if report.training else "",
        )
    )


def copies_of(report: VideosReport) -> list[BrowserVideo]:
    """The copies that a page plays in the order in which they are shown; equal ones are one."""
    shown = (
        copy
        for video in report.videos
        for copy in (video.copy, *(exemplar.copy for exemplar in video.exemplars))
        if copy is not None
    )
    return list(dict.fromkeys(shown))


def _shown(
    number: int,
    video: ReportedVideo,
    report: VideosReport,
    copies: Mapping[BrowserVideo, int],
) -> _VideoSection:
    values = list(video.by_split.values())
    bounds = video.trust.bounds
    digits = point_digits(report.training or (video.score,), 1)
    return _VideoSection(
        number=number,
        video=video,
        score=score_text(video.score, report.training),
        range="" if bounds is None else bounds_text(bounds, digits + 1),
        splits=""
        if len(values) < 2
        else f"{fixed(min(values), digits)} to {fixed(max(values), digits)}",
        headline=_headline(video),
        sentences=tuple(f"{sentence_of(moment, video)}." for moment in worst_first(video)),
        rows=tuple(
            {
                "place": place_of(moment),
                "said": comparison_of(moment, video),
                "value": signed(moment.value, 2) if video.beside else fixed(moment.value, 2),
                "mark": moment.mark,
            }
            for moment in video.moments
        ),
        curve=curve_of(video) if video.moments and video.copy else None,
        faults=faults_on(video) if video.copy else (),
        told_faults=faults_text(video.true_faults),
        histogram=histogram_of(report.training, video.score),
        moves=() if video.pose is None else _moves(video),
        joint_rows=() if video.pose is None else tuple(map(move_row, video.pose.moves)),
        thumbnail=data_address("image/jpeg", video.thumbnail) if video.thumbnail else "",
        player=_player(video, copies),
        aspects=tuple(map(aspect_part, video.aspects.aspects)),
        doubtful=", ".join(video.aspects.doubtful),
    )


def _headline(video: ReportedVideo) -> str:
    if video.pose is not None:
        return pose_headline(video.pose)
    if video.costs is not None:
        return f"{video.costs.worst[0].upper()}{video.costs.worst[1:]}."
    return headline(video)


def _moves(video: ReportedVideo) -> tuple[Mapping[str, str], ...]:
    """What is said of each joint that has a sentence, and when in the copy."""
    assert video.pose is not None
    return tuple(
        {
            "said": f"{move_sentence(move, video.pose.unit)}.",
            "seconds": "" if video.copy is None else f"{video.copy.seconds(move.frame):.3f}",
        }
        for move in told_moves(video.pose)
    )


def _player(video: ReportedVideo, copies: Mapping[BrowserVideo, int]) -> Mapping[str, Any]:
    """What the page's script needs: seconds of moments, and copies by their place in its list.

    The page holds each copy once, however many videos stand beside it.
    """
    if video.copy is None:
        return {}
    worst = weakest(video.moments)
    numbers = [moment.number for moment in video.moments]
    return {
        "worst": numbers.index(worst.number) if worst else 0,
        "fps": video.copy.fps,
        "duration": video.copy.n_frames / video.copy.fps,
        "moments": [
            {"start": moment.start, "stop": moment.stop, "matched": moment.matched}
            for moment in video.moments
        ],
        "copy": copies[video.copy],
        "exemplars": [copies[one.copy] for one in video.exemplars],
        "joints": None if video.joints is None else _drawn(video.joints),
    }


def _drawn(joints: ShownJoints) -> Mapping[str, Any]:
    """The numbers of the drawing, a tenth of a pixel exact; null where a joint is missing."""
    return {
        "bones": joints.bones,
        "times": joints.times,
        "places": _rounded(joints.places),
        "moves": None if joints.one_point is None else _rounded(joints.one_point * joints.times),
    }


def _rounded(values: NDArray[np.float64]) -> list[list[float | None]]:
    """(frames, joints, 2) as a flat list of each frame."""
    rows = np.round(values.reshape(len(values), -1), 1).tolist()
    return [[None if number != number else number for number in row] for row in rows]

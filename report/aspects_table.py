"""Measured aspects for the terminal: of many videos together, of one by one, and what they cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aqa.features.aspects.measure import LEAST_SURE
from aqa.number_text import signed, signed_significant
from aqa.report.tables import table, wrapped

if TYPE_CHECKING:
    from aqa.models.feedback import AspectFeedback, AspectMark
    from aqa.workflows.measure.run import Measurements

_WORSE = {"more": "more", "less": "less", "neither": "-"}


def summary_table(found: Measurements) -> str:
    """One row per aspect: of how many videos, and what most of them have."""
    rows = []
    for aspect in found.definition.aspects:
        there = [one.aspects[aspect.name] for one in found.videos]
        sure = [m for m in there if m.value is not None and not m.doubtful]
        doubtful = sum(m.doubtful for m in there)
        applies = sum(m.applies for m in there)
        spread = ["-"] * 4
        if sure:
            levels = np.quantile([m.value for m in sure], (0.1, 0.5, 0.9))
            mean = np.mean([m.confidence for m in sure])
            spread = [*(aspect.text(level) for level in levels), f"{mean:.2f}"]
        of = f"{len(sure)}/{applies}"
        rows.append([aspect.name, aspect.unit, _WORSE[aspect.worse], of, str(doubtful), *spread])
    header = ["aspect", "unit", "worse", "videos", "doubtful", "10 %", "median", "90 %", "sure"]
    return table(rows, header, left={0, 1, 2})


def videos_text(found: Measurements, rows: Sequence[Mapping[str, Any]]) -> str:
    """What is seen of each video, the worst first."""
    parts = []
    types = {one.video.id: one.video.type for one in found.videos}
    for video_id in dict.fromkeys(row["video_id"] for row in rows):
        of_video = [row for row in rows if row["video_id"] == video_id and row["value"] != ""]
        doubtful = [row for row in of_video if row["doubtful"]]
        of_video = [row for row in of_video if not row["doubtful"]]
        of_video.sort(key=lambda row: -(row["spreads"] or 0.0))
        lines = [
            [
                found.definition.by_name[row["aspect"]].sentence(row["value"]),
                str(row["frame"]),
                f"{row['confidence']:.2f}",
                _standing(row, types.get(video_id)),
                "" if row["spreads"] == "" else signed(row["spreads"], 1),
            ]
            for row in of_video
        ]
        header = ["what is seen", "frame", "sure", "training videos", "spreads"]
        parts.append(f"{video_id}\n{table(lines, header)}")
        if doubtful:
            names = ", ".join(f"{row['aspect']} ({row['confidence']:.2f})" for row in doubtful)
            parts[-1] += "\n" + wrapped(
                f"doubtful, as the joints' confidence is below {LEAST_SURE:g}: {names}"
            )
        missed = [
            f"{name}: {one.why}"
            for name, one in found.by_id[video_id].items()
            if one.applies and one.value is None
        ]
        if missed:
            parts[-1] += "\n" + wrapped(f"not measured: {'; '.join(missed)}")
    return "\n\n".join(parts)


def _standing(row: Mapping[str, Any], kind: str | None) -> str:
    """How a value compares; of any type, where a video's own type has too few."""
    of_all = row["standing"] and kind and not row["of_type"]
    return f"{row['standing']} of any type" if of_all else str(row["standing"])


def aspects_text(feedback: AspectFeedback, run: str) -> str:
    """What each aspect costs a video, the most costly first."""
    rows = [
        [
            f"{mark.says} (doubtful)" if mark.doubtful else mark.says,
            "" if mark.frame is None else str(mark.frame),
            signed(mark.points, 2),
            _slope(mark),
        ]
        for mark in feedback.aspects
    ]
    header = ["what is seen", "frame", "points", "points per unit"]
    lines = [f"{feedback.video}, by {run}", f"points: {feedback.meaning}", feedback.worst]
    return "\n".join([*map(wrapped, lines), table(rows, header)])


def _slope(mark: AspectMark) -> str:
    slope, low, high = (signed_significant(x, 3) for x in (mark.slope, mark.low, mark.high))
    return f"{slope} ({low} to {high})"


def aspects_json(feedback: AspectFeedback, run: str) -> dict[str, Any]:
    """The same as plain values."""
    return {"run": run, **dataclasses.asdict(feedback)}

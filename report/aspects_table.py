"""Measured aspects for the terminal: of many videos together, and of one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from aqa.report.tables import table
from aqa.workflows.measure.run import Measurement

_WORSE = {"more": "more", "less": "less", "neither": "-"}


def summary_table(found: Measurement) -> str:
    """One row per aspect: of how many videos, and what most of them have."""
    rows = []
    for aspect in found.definition.aspects:
        there = [one.aspects[aspect.name] for one in found.videos]
        values = np.array([m.value for m in there if m.value is not None])
        applies = sum(m.applies for m in there)
        spread = ["-"] * 4
        if len(values):
            sure = np.mean([m.confidence for m in there if m.value is not None])
            levels = np.quantile(values, (0.1, 0.5, 0.9))
            spread = [
                *(aspect.text(level) for level in levels),
                f"{sure:.2f}",
            ]
        rows.append(
            [aspect.name, aspect.unit, _WORSE[aspect.worse], f"{len(values)}/{applies}", *spread]
        )
    header = ["aspect", "unit", "worse", "videos", "10 %", "median", "90 %", "sure"]
    return table(rows, header, left={0, 1, 2})


def videos_text(found: Measurement, rows: Sequence[Mapping[str, Any]]) -> str:
    """What is seen of each video, the worst first."""
    parts = []
    for video_id in dict.fromkeys(row["video_id"] for row in rows):
        of_video = [row for row in rows if row["video_id"] == video_id and row["value"] != ""]
        of_video.sort(key=lambda row: -(row["worse_than"] or 0.0))
        lines = [
            [
                found.definition.by_name[row["aspect"]].sentence(row["value"]),
                str(row["frame"]),
                f"{row['confidence']:.2f}",
                _standing(row),
            ]
            for row in of_video
        ]
        header = ["what is seen", "frame", "sure", "worse than"]
        parts.append(f"{video_id}\n{table(lines, header)}")
    return "\n\n".join(parts)


def _standing(row: Mapping[str, Any]) -> str:
    if row["worse_than"] == "":
        return ""
    return f"{row['worse_than']:.0f} % of {row['compared_with']}"

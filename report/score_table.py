"""The scores of new videos, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aqa.report.tables import table

if TYPE_CHECKING:
    from aqa.workflows.score import ScoredVideo


def scores_table(videos: Sequence[ScoredVideo]) -> str:
    """One row per video; where several runs were averaged, the lowest and highest of them."""
    header = ["video", "score"]
    rows = [[str(video.path), f"{video.score:.2f}"] for video in videos]
    if any(len(video.by_split) > 1 for video in videos):
        header += ["lowest", "highest"]
        for row, video in zip(rows, videos, strict=True):
            values = video.by_split.values()
            row += [f"{min(values):.2f}", f"{max(values):.2f}"]
    return table(rows, header)

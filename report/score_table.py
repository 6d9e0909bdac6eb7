"""The scores of new videos, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aqa.evaluation.metric import point_digits
from aqa.report.tables import table, wrapped

if TYPE_CHECKING:
    from aqa.workflows.score import ScoredVideo


def scores_table(videos: Sequence[ScoredVideo]) -> str:
    """One row per video; where several runs were averaged, the lowest and highest of them.

    Of two classes the class instead, how sure it is, and how many of the runs say so.

    Below stands what the first run writes of each video, where it writes commentary.
    """
    rows, header = _classes(videos) if videos[0].said else _scores(videos)
    said = [line for video in videos for line in _written(video)]
    return "\n".join([table(rows, header), *([""] if said else []), *said])


def _scores(videos: Sequence[ScoredVideo]) -> tuple[list[list[str]], list[str]]:
    """The rows of a table of scores, and its header."""
    header = ["video", "score"]
    digits = point_digits((video.score for video in videos), 2)
    rows = [[str(video.path), f"{video.score:.{digits}f}"] for video in videos]
    if any(len(video.by_split) > 1 for video in videos):
        header += ["lowest", "highest"]
        for row, video in zip(rows, videos, strict=True):
            values = video.by_split.values()
            row += [f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"]
    return rows, header


def _classes(videos: Sequence[ScoredVideo]) -> tuple[list[list[str]], list[str]]:
    """The rows of a table of classes, and its header."""
    said = [video.said for video in videos if video.said]
    header = ["video", "class", "above threshold"]
    numbers = [f"{one.margin:+.3f}" for one in said]
    if said[0].probability is not None:
        header[-1] = f"probability of {said[0].good}"
        numbers = [f"{one.probability:.3f}" for one in said]
    rows = [
        [str(video.path), one.label, number]
        for video, one, number in zip(videos, said, numbers, strict=True)
    ]
    if any(len(one.by_split) > 1 for one in said):
        header.append("runs that say so")
        for row, one in zip(rows, said, strict=True):
            row.append(f"{[*one.by_split.values()].count(one.label)} of {len(one.by_split)}")
    return rows, header


def _written(video: ScoredVideo) -> list[str]:
    first = next(iter(video.commentary.items()), None)
    if first is None:
        return []
    return [wrapped(f"{video.path}, in words (split {first[0]}): {first[1] or 'nothing'}")]

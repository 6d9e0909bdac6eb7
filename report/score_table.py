"""The scores of new videos, as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aqa.evaluation.metric import point_digits
from aqa.report.tables import table, wrapped
from aqa.target_names import PAIRS, RANK_VALUE, SCORE

if TYPE_CHECKING:
    from aqa.workflows.score import ScoredVideo

_RANKED = (
    f"{RANK_VALUE}: no points; higher is better. 0 is the mean of the training videos, and 1 their "
    "standard deviation"
)


def scores_table(videos: Sequence[ScoredVideo]) -> str:
    """One row per video and target; of several averaged runs the lowest and highest too.

    Below stands what the first run writes of each video, where it writes commentary.
    """
    digits = point_digits((video.score for video in videos), 2)
    if {video.target for video in videos} == {SCORE}:
        header, rows = ["video"], [[str(video.path)] for video in videos]
    else:
        header, rows = ["video", "target"], [[str(video.path), video.target] for video in videos]
    names = len(header)
    ranked = {video.target for video in videos} == {PAIRS}
    header.append(RANK_VALUE if ranked else "score")
    for row, video in zip(rows, videos, strict=True):
        row.append(f"{video.score:.{digits}f}")
    if any(len(video.by_split) > 1 for video in videos):
        header += ["lowest", "highest"]
        for row, video in zip(rows, videos, strict=True):
            values = video.by_split.values()
            row += [f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"]
    notes = [_RANKED] if any(video.target == PAIRS for video in videos) else []
    said = [line for video in videos for line in _written(video)]
    return "\n".join(
        [table(rows, header, names), *map(wrapped, notes), *([""] if said else []), *said]
    )


def _written(video: ScoredVideo) -> list[str]:
    first = next(iter(video.commentary.items()), None)
    if first is None:
        return []
    return [wrapped(f"{video.path}, in words (split {first[0]}): {first[1] or 'nothing'}")]

"""What heads can predict of a video: its score, or a number of another column of the manifest.

Fis-V gives each program two scores, FS1000 seven, JIGSAWS one for each of six elements. They stand
in columns score_<name>; `name` is then a target. Any other column of numbers, such as difficulty or
execution, is a target by its own name.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aqa.annotations.columns import LABEL, SPLIT_NAME, SPLIT_PREFIX, STAGE_PREFIX, TARGET_PREFIX
from aqa.annotations.numbers import number_of, shortened, why_no_number
from aqa.annotations.pairs import FILE
from aqa.annotations.video import Video
from aqa.errors import AqaError, UnknownNameError
from aqa.target_names import EVERY, PAIRS, SCORE

# Columns that are no targets, whatever stands in them.
_NO_TARGETS = ("video_id", "path", "poses", "start_frame", "end_frame", "similar_within")


def score_targets(header: Sequence[str]) -> tuple[str, ...]:
    """The names in the columns score_<name>, in order."""
    return tuple(
        name.removeprefix(TARGET_PREFIX)
        for name in header
        if name.startswith(TARGET_PREFIX) and name != TARGET_PREFIX
    )


def target_column(target: str, header: Sequence[str], where: str) -> str:
    """The column that a target stands in; `UnknownNameError` where there is none.

    where: the manifest, for messages.
    """
    named = f"{TARGET_PREFIX}{target}"
    if target == EVERY or not SPLIT_NAME.fullmatch(target):
        column = f" (rename the column {named})" if named in header else ""
        raise AqaError(
            f"{target!r} is no name of a target: use letters, digits, '.', '_', '+' and '-', and "
            f"not {EVERY!r}{column}"
        )
    if target != SCORE and named in header:
        return named
    if target in header and _may_be_target(target):
        return target
    known = [*(name for name in (SCORE, LABEL) if name in header), *score_targets(header)]
    known += [PAIRS] if Path(where).with_name(FILE).exists() else []
    raise UnknownNameError(
        "target",
        target,
        known,
        remedy=f"a target is a column score_<name> of {where}, or "
        f"another column of numbers, such as difficulty; or {PAIRS}, by the table {FILE} beside it",
    )


def _may_be_target(column: str) -> bool:
    return column not in _NO_TARGETS and not column.startswith((SPLIT_PREFIX, STAGE_PREFIX))


def with_target(videos: Sequence[Video], column: str) -> tuple[list[Video], list[str]]:
    """The videos with the number of a column as their score, NaN where the cell is empty.

    What a difference in points means is known of the score alone, so `similar_within` is left out.
    Beside the videos what is wrong with the column, one line each.
    """
    made, problems = [], []
    for video in videos:
        text = video.row.get(column, "")
        value = number_of(text)
        if text and value is None:
            why = why_no_number(text)
            problems.append(
                f"video {video.id}, column {column}: {shortened(text)} is not a finite number"
                + (f" ({why})" if why else "")
            )
        made.append(replace(video, score=math.nan if value is None else value, similar_within=None))
    if not problems and all(math.isnan(video.score) for video in made):
        problems.append(f"column {column}: no video has a value")
    return made, problems

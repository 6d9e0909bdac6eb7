"""The names of a manifest's columns, and the check of its header."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aqa.target_names import SCORE

REQUIRED = ("video_id", "path", "score")
# A table of these alone lists videos that nobody has scored yet.
_PLACES = {"video_id", "path", "start_frame", "end_frame", "poses"}
# Columns of which a manifest may have several: score_<name>, split_<name>, judge_<number>,
# stage_<name>.
TARGET_PREFIX = "score_"
# Holds labels of two values, such as good and bad; see `two_classes`.
LABEL = "label"
SPLIT_PREFIX = "split_"
SPLIT_NAME = re.compile(r"\w[\w.+-]*")
JUDGE_PREFIX = "judge_"
STAGE_PREFIX = "stage_"
# Keys of the performance that a video shows, separated by semicolons; see `overlaps`.
PERFORMANCE = "performance"
# Columns that describe a dive besides its type, as MTL-AQA labels it.
ATTRIBUTES = ("position", "armstand", "rotation", "somersaults", "twists")


def as_name(label: str) -> str:
    """A label as part of the name of a split or file: other characters become dashes.

    >>> as_name("10 m/platform")
    '10-m-platform'
    """
    return re.sub(r"[^\w.+-]+", "-", label)


def header_problems(header: list[str], scored: bool = True) -> list[str]:
    """What is wrong with a manifest's header, one line each. scored: it must have a score."""
    if len(header) == 1 and (separated := re.search(r"[;\t]", header[0])):
        return [
            f"row 1: its columns are separated by {separated[0]!r}; save it with commas, or make a "
            "manifest of it with `aqa import csv`"
        ]
    problems = [
        f"row 1: no column {name}; required are {', '.join(REQUIRED)}, found {', '.join(header)}"
        for name in REQUIRED
        if name not in header and not (name == SCORE and (not scored or _needs_no_score(header)))
    ]
    return problems + name_problems(header)


def name_problems(header: Sequence[str]) -> list[str]:
    """What is wrong with the names of a table's columns, one line each.

    No two may be alike, and what stands behind `split_` must be a name of a split.
    """
    problems = [
        f"row 1: there are two columns {name!r}; every column needs its own name"
        for name in dict.fromkeys(header)
        if header.count(name) > 1
    ]
    problems += [
        f"row 1: the column {name!r} names no split; use letters, digits, '.', '_', '+' and '-'"
        for name in header
        if name.startswith(SPLIT_PREFIX)
        and not SPLIT_NAME.fullmatch(name.removeprefix(SPLIT_PREFIX))
    ]
    return problems


def _needs_no_score(header: list[str]) -> bool:
    """Whether a table without a column `score` is complete.

    Either it says in other columns what heads predict, or only where videos lie.
    """
    told = {name for name in header if not name.startswith(SPLIT_PREFIX)}
    return told <= _PLACES or has_other_scores(header)


def has_other_scores(header: list[str]) -> bool:
    """Whether columns beside `score` say what heads predict: score_<name>, or a label."""
    return any(name.startswith(TARGET_PREFIX) or name == LABEL for name in header)

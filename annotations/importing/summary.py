"""A manifest in a few lines: what to look at after an import."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError
from aqa.target_names import SCORE


def summary_lines(table: Manifest) -> list[str]:
    """Its range of scores, its splits, its labels, and the columns that some videos lack."""
    lines = _score_lines(table)
    for name in table.split_names:
        split = table.split(name)
        counts = ", ".join(f"{len(split.part(p))} {p}" for p in PARTS if split.part(p))
        lines.append(f"split {name}: {counts or 'empty'}")
    for column in ("action", "type", "event"):
        labels = {getattr(video, column) for video in table} - {None}
        if labels:
            shown = ", ".join(sorted(labels)) if len(labels) < 9 else f"{len(labels)} labels"
            lines.append(f"{column}: {shown}")
    empty = {
        column: sum(not video.row[column] for video in table)
        for column in table[0].row
        if not column.startswith(SPLIT_PREFIX)
    }
    partly = [f"{column} ({n})" for column, n in empty.items() if 0 < n < len(table)]
    if partly:
        lines.append(f"without a value (number of videos): {', '.join(partly)}")
    return lines


def _score_lines(table: Manifest) -> list[str]:
    """The range of the score and of each further one; columns score_<name> of text have none."""
    seen = {SCORE: table}
    for target in table.targets:
        with suppress(AqaError):
            view = table.of_target(target)
            seen[view.score_column] = view
    lines = []
    for name, view in seen.items():
        if scores := [video.score for video in view if not math.isnan(video.score)]:
            mean = f"{sum(scores) / len(scores):.{2 if max(map(abs, scores)) >= 10 else 3}f}"
            lines.append(f"{name} {min(scores):g} to {max(scores):g}, mean {mean}")
    return lines


def missing_lines(table: Manifest, missing: Sequence[Path]) -> list[str]:
    """Which videos of a manifest are not on disk. missing: their paths."""
    if all(video.path is None for video in table):
        return ["no paths of videos: import their features, or give --videos FOLDER"]
    if missing:
        return [f"not on disk: {len(missing)} of {len(table)} videos, such as {missing[0]}"]
    return ["every video is on disk"]

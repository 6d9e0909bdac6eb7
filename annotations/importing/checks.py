"""Checks of what was read against what the authors of a dataset publish about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aqa.errors import AqaError

# Annotations of the largest dataset take 2 MB; a far larger file is not one.
MAX_BYTES = 64 * 2**20


def check_size(path: Path) -> None:
    """Raise `AqaError` where a file is too large for annotations; nothing of it is read then."""
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise AqaError(f"{path}: {size} bytes are too many for annotations; not read")


def expect_count(path: Path, count: int, expected: int, what: str) -> None:
    """Raise `AqaError` where there are not as many as were published."""
    if count != expected:
        raise AqaError(
            f"{path}: {count} {what} where {expected} were published; it is another release or "
            "damaged; a part of a dataset comes in with `aqa import csv`"
        )


def expect_range(path: Path, scores: Mapping[str, float], low: float, high: float) -> None:
    """Raise `AqaError` where a score is outside the published range, ends included."""
    for video_id, score in scores.items():
        if not low <= score <= high:
            raise AqaError(
                f"{path}: the score {score} of {video_id} is outside {low:g} to {high:g}, the "
                "published range"
            )

"""Which videos lack a label that a head needs, so that they can be left out by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def incomplete(ids: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> dict[str, str]:
    """The videos that lack a value of some of these columns: id -> what it lacks, in words.

    A column that no video has at all is not lacking here: the head says itself whether it can do
    without. A list or mapping that is shorter than another lacks something.
    """
    lacking: dict[str, list[str]] = {}
    for name, values in columns.items():
        if not any(_has(value) for value in values):
            continue
        parts = _parts(values)
        for video_id, value in zip(ids, values, strict=True):
            missing = _missing(name, value, parts)
            if missing:
                lacking.setdefault(video_id, []).append(missing)
    return {video_id: " and ".join(missing) for video_id, missing in lacking.items()}


def _has(value: Any) -> bool:
    """Whether a video has a value: not None, NaN, or an empty text, list or mapping."""
    if isinstance(value, (str, Mapping, Sequence)):
        return len(value) > 0
    return value is not None and bool(np.isfinite(value))


def _parts(values: Sequence[Any]) -> list[str] | int:
    """What a whole value consists of: the names of a mapping, or the length of a list."""
    longest = max((value for value in values if _has(value)), key=_size)
    return list(longest) if isinstance(longest, Mapping) else _size(longest)


def _size(value: Any) -> int:
    return 1 if isinstance(value, str) or not hasattr(value, "__len__") else len(value)


def _missing(name: str, value: Any, parts: list[str] | int) -> str:
    """What a video lacks of a column; an empty text for nothing."""
    if not _has(value):
        return f"no {name}"
    if isinstance(parts, list):
        absent = [part for part in parts if part not in value]
        return f"no {name.removesuffix('s')} {', '.join(absent)}" if absent else ""
    return f"{_size(value)} of {parts} {name}" if _size(value) < parts else ""

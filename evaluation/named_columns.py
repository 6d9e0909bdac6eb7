"""Columns of a manifest that tell something of scores where the user names them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from aqa.annotations.manifest import Manifest

Value = float | str


def named_columns(
    names: Iterable[str], manifest: Manifest, ids: Sequence[str]
) -> dict[str, dict[str, Value]]:
    """Column -> video -> value: numbers where every value is one, labels elsewhere.

    Left out are names that are no column, the column that is predicted, and columns in which one of
    the videos has no value.
    """
    found: dict[str, dict[str, Value]] = {}
    for name in names:
        texts = {i: manifest.by_id[i].row.get(name, "") for i in ids}
        if name != manifest.score_column and all(texts.values()):
            found[name] = _numbers(texts) or dict(texts)
    return found


def _numbers(texts: dict[str, str]) -> dict[str, Value] | None:
    try:
        numbers = {i: float(text) for i, text in texts.items()}
    except ValueError:
        return None
    return dict(numbers) if all(map(math.isfinite, numbers.values())) else None

"""What is told of a video beside its file: its type, its action, its difficulty."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aqa.errors import AqaError

TOLD = ("type", "action", "difficulty")
_LONGEST_WORD = 64


def checked_told(sent: Mapping[str, object]) -> dict[str, Any]:
    """What of these fields was sent, as `Scorer.score` takes it; `AqaError` for what is wrong.

    sent: texts of a form, or values of JSON; what is empty counts as not sent.
    """
    told: dict[str, Any] = {}
    for field in TOLD:
        value = sent.get(field)
        value = value.strip() if isinstance(value, str) else value
        if value is None or value == "":
            continue
        told[field] = _difficulty(value) if field == "difficulty" else _word(field, value)
    return told


def _word(field: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_WORD or not value.isprintable():
        raise AqaError(f"{field}: a text of at most {_LONGEST_WORD} letters")
    return value


def _difficulty(value: object) -> float:
    number = math.nan
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except (ValueError, OverflowError):  # no number, or one too large
            number = math.nan
    if not 0 < number < math.inf:
        raise AqaError("difficulty: a number above 0, such as 3.2")
    return number

"""Numbers as tables write them: plain digits, with a point and an exponent."""

from __future__ import annotations

import math
import re

# Not what else Python takes for a number: 1_000, digits of other scripts, infinity.
_NUMBER = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?")


def number_of(text: str) -> float | None:
    """The finite number that a text is; None where it is none."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else None


def why_no_number(text: str) -> str:
    """What is wrong with a text that Python takes for a number, or ""."""
    try:
        finite = math.isfinite(float(text))
    except ValueError:
        return ""
    return "write it in plain digits, as 87.5" if finite else ""


def shortened(text: str) -> str:
    """A text as messages quote it."""
    return repr(text if len(text) <= 60 else text[:57] + "...")

"""What rounds to zero has no minus, wherever numbers are shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aqa.number_text import fixed, signed, signed_significant

ROOT = Path(__file__).parent.parent
# A format with a sign, in Python, a template or a script; `number_text` alone writes such.
_SIGN = re.compile(r":\+[.{\d]|%\+[.\d]*[fge]|\btoFixed\b")


@pytest.mark.parametrize(
    ("value", "digits", "plain", "with_sign"),
    [
        (-0.004, 2, "0.00", "+0.00"),
        (-0.0, 1, "0.0", "+0.0"),
        (-0.4, 0, "0", "+0"),
        (-0.006, 2, "-0.01", "-0.01"),
        (-10.0, 0, "-10", "-10"),
        (12.5, 1, "12.5", "+12.5"),
        (float("nan"), 2, "nan", "+nan"),
    ],
)
def test_what_rounds_to_zero_has_no_minus(
    value: float, digits: int, plain: str, with_sign: str
) -> None:
    assert fixed(value, digits) == plain
    assert signed(value, digits) == with_sign


def test_digits_that_count() -> None:
    assert [signed_significant(x, 3) for x in (-0.0, -0.00012345, 2.0)] == ["+0", "-0.000123", "+2"]


def test_numbers_with_signs_are_written_in_one_place() -> None:
    rooms = ("report", "serve", "commands", "workflows", "models", "evaluation", "features")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for room in rooms
        for kind in ("*.py", "*.j2", "*.js")
        for path in (ROOT / room).rglob(kind)
        for match in _SIGN.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found, "use aqa.number_text"

"""Numbers as readers expect them: what rounds to zero has no minus."""

from __future__ import annotations


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point.

    >>> fixed(-0.001, 2), fixed(-0.006, 2), fixed(0.4, 0)
    ('0.00', '-0.01', '0')
    """
    text = f"{value:.{digits}f}"
    return text[1:] if _is_minus_zero(text) else text


def signed(value: float, digits: int) -> str:
    """As `fixed`, with the sign of numbers above 0, too.

    >>> signed(-0.001, 2), signed(-0.006, 2), signed(1, 1)
    ('+0.00', '-0.01', '+1.0')
    """
    text = f"{value:+.{digits}f}"
    return "+" + text[1:] if _is_minus_zero(text) else text


def signed_significant(value: float, digits: int) -> str:
    """A number with its sign and so many digits that count.

    >>> signed_significant(-0.0, 3), signed_significant(-0.00123456, 3)
    ('+0', '-0.00123')
    """
    return f"{value + 0.0:+.{digits}g}"  # -0.0 + 0.0 is 0.0


def _is_minus_zero(text: str) -> bool:
    return text[0] == "-" and not text.strip("-0.")

"""Metrics as text: with the digits that they are read by, with intervals or deviations."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.number_text import fixed, signed

UNDEFINED = "undefined"


def with_interval(
    value: float | None,
    interval: Sequence[float] | None,
    digits: int,
    *,
    sign: str = "",
    below: bool = False,
) -> str:
    """`0.712 [0.512, 0.812]`; below: the interval stands on a line of its own."""
    if value is None:
        return UNDEFINED
    text = signed if sign else fixed
    shown = text(value, digits)
    if interval is None:
        return shown
    bounds = ", ".join(text(bound, digits) for bound in interval)
    return f"{shown}{_gap(below)}[{bounds}]"


def with_std(value: float | None, std: float | None, digits: int, *, below: bool = False) -> str:
    """`0.712 +- 0.051`, without the deviation where there is none; below: see `with_interval`."""
    if value is None:
        return UNDEFINED
    shown = fixed(value, digits)
    return shown if std is None else f"{shown}{_gap(below)}+- {std:.{digits}f}"


def _gap(below: bool) -> str:
    return "\n" if below else " "

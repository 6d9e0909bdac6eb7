"""The steps of a dive, as its number tells them: 107B is a forward dive of 3.5 somersaults."""

from __future__ import annotations

import re

ENTRY = "entry"
_DIRECTIONS = {"1": "forward", "2": "back", "3": "reverse", "4": "inward"}
_POSITIONS = {"A": "straight", "B": "pike", "C": "tuck", "D": "free"}
# Direction, then a digit that is 1 where the somersault is "flying", half somersaults, position.
_PLAIN = re.compile(r"([1-4])([01])(\d{1,2})([A-D]?)")
# 5 (twisting) or 6 (armstand), direction, half somersaults, half twists, position.
_OTHERS = re.compile(r"([56])([1-4])(\d)(\d?)([A-D]?)")


def steps_of_dive(number: str) -> tuple[str, ...]:
    """Take-off, somersaults, twists and entry of a dive, in words; () for what is no dive's number.

    >>> steps_of_dive("107B")
    ('forward take-off', '3.5 somersaults pike', 'entry')
    >>> steps_of_dive("5255B")
    ('back take-off', '2.5 somersaults pike', '2.5 twists', 'entry')
    >>> steps_of_dive("626")
    ('armstand back take-off', '3 somersaults', 'entry')
    """
    text = re.sub(r"\s", "", number).upper()
    twists = ""
    if plain := _PLAIN.fullmatch(text):
        direction, flying, somersaults, letter = plain.groups()
        start = f"{_DIRECTIONS[direction]} take-off"
        turning = "flying somersaults" if flying == "1" else "somersaults"
    elif other := _OTHERS.fullmatch(text):
        group, direction, somersaults, twists, letter = other.groups()
        start = ("armstand " if group == "6" else "") + f"{_DIRECTIONS[direction]} take-off"
        turning = "somersaults"
    else:
        return ()
    turned = f"{int(somersaults) / 2:g} {turning} {_POSITIONS.get(letter, '')}".rstrip()
    twisted = (f"{int(twists) / 2:g} twists",) if twists and twists != "0" else ()
    return (start, turned, *twisted, ENTRY)


def position_of_dive(number: str) -> str | None:
    """The position that a dive's number ends with; None without one.

    >>> position_of_dive("107B")
    'pike'
    """
    text = re.sub(r"\s", "", number).upper()
    found = _PLAIN.fullmatch(text) or _OTHERS.fullmatch(text)
    return _POSITIONS.get(found.groups()[-1]) if found else None

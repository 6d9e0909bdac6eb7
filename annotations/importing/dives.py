"""From MTL-AQA's codes of dives to the names of attributes, and to FINA's dive numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from aqa.errors import AqaError

# Which code means what is not published with the labels. These meanings are the ones under which
# the dives' difficulties are those of FINA's tables (2 0 2 7 0 is 407C, difficulty 3.2).
POSITIONS = ("free", "pike", "tuck")
ROTATIONS = ("back", "forward", "inward", "reverse")
_POSITION_LETTERS = {"free": "D", "pike": "B", "tuck": "C"}
_DIRECTIONS = {"forward": 1, "back": 2, "reverse": 3, "inward": 4}
# The largest codes: 4.5 somersaults and 3.5 twists.
CODES = {"position": 2, "armstand": 1, "rotation_type": 3, "ss_no": 9, "tw_no": 7}


def describe_dive(path: Path, dive: str, codes: Mapping[str, int]) -> dict[str, object]:
    """The columns `type` and attributes of a manifest, for one dive.

    codes: for the names in `CODES`, as annotated; somersaults and twists count in halves.
    `AqaError`, with `path` and the dive, for a code out of range.
    """
    for name, largest in CODES.items():
        if not isinstance(codes[name], int) or not 0 <= codes[name] <= largest:
            raise AqaError(f"{path}: {name} of dive {dive} is {codes[name]}, not 0 to {largest}")
    position, rotation = POSITIONS[codes["position"]], ROTATIONS[codes["rotation_type"]]
    armstand = bool(codes["armstand"])
    return {
        "type": dive_type(position, armstand, rotation, codes["ss_no"], codes["tw_no"]),
        "position": position,
        "armstand": "yes" if armstand else "no",
        "rotation": rotation,
        "somersaults": codes["ss_no"] / 2,
        "twists": codes["tw_no"] / 2,
    }


def fina_type(text: str) -> str:
    """A dive's number as `dive_type` spells it, of one that was typed: 407c, 626C, 6243 D.

    Whatever is no such number stays as it is.

    >>> fina_type("407c"), fina_type("6243D"), fina_type("5253 b"), fina_type("voluntary")
    ('407C', '6243', '5253B', 'voluntary')
    """
    number = re.fullmatch(r"([1-6]\d{2,3})([A-D]?)", re.sub(r"\s", "", text).upper())
    if number is None:
        return text
    return number[1] if number[1].startswith("6") else number[0]


def dive_type(
    position: str, armstand: bool, rotation: str, half_somersaults: int, half_twists: int
) -> str:
    """A dive's FINA number, such as 407C, 5255B or 626.

    Armstand dives have no letter: jain2020 Table III comes back on UNLV-Dive's labels only when
    their positions are one type. Half a somersault is annotated as none.
    """
    direction, somersaults = _DIRECTIONS[rotation], max(half_somersaults, 1)
    if armstand:
        return f"6{direction}{somersaults}{half_twists or ''}"
    letter = _POSITION_LETTERS[position]
    if half_twists:
        return f"5{direction}{somersaults}{half_twists}{letter}"
    return f"{direction}0{somersaults}{letter}"

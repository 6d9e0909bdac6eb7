"""What a commentator says of a drawn dive: what was performed, and its faults, in varied words.

Every sentence is made by a small grammar from the dive's own facts, so what it says is true. How it
is said depends on the data set's seed and the dive's index alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.panel import Fault
from aqa.workflows.demo.program import DiveType

_STREAM = 2  # keeps the draw of the words apart from those of types and single dives
_CLEAR = 0.6  # severity from which a fault is called clear, and not slight

_OPENINGS = ("here comes", "this is", "now we see", "the diver shows")
_POSITIONS = {
    "straight": ("in the straight position", "with a straight body"),
    "pike": ("in the pike position", "piked", "in a pike"),
    "tuck": ("in the tuck position", "tucked", "in a tight tuck"),
    "free": ("in the free position", "free"),
}
_NUMBERS = {1: "half", 2: "one", 3: "one and a half", 4: "two", 5: "two and a half"}
_NUMBERS |= {6: "three", 7: "three and a half"}

_NUMBER = "(" + "|".join(sorted(_NUMBERS.values(), key=len, reverse=True)) + ")"
_PERFORMED = re.compile(
    rf"(forward|back|reverse|inward) (dive|{_NUMBER} somersault)( with {_NUMBER} twists?)?"
)

# Fault -> ways to name it; {how} is its severity in a word. No phrase is part of another fault's.
FAULT_PHRASES: dict[str, tuple[str, ...]] = {
    "bent_legs": ("the knees are {how} bent", "the legs are {how} less than straight"),
    "over_rotation": ("the body goes {how} past the vertical", "it is {how} over rotated"),
    "slant_entry": ("the body comes in {how} short of the vertical", "it is {how} under rotated"),
    "large_splash": ("there is {how} too much splash", "the splash is {how} too big"),
}
_HOW = {False: ("slightly", "a little"), True: ("clearly", "very clearly")}
_NO_SPLASH = ("with hardly any splash", "and very little water comes up", "without a splash")
_FLAWLESS = ("there is nothing to take off", "it is a very good dive", "no fault is seen")


def commentary(dive: Dive) -> str:
    """One line of lower-case words: the dive, then its faults in the order they are seen."""
    rng = np.random.default_rng([dive.seed, dive.index, _STREAM])
    said = f"{_pick(rng, _OPENINGS)} {_performed(dive.type, rng)}"
    if not dive.faults:
        said += f" and {_pick(rng, _FLAWLESS)}"
    for number, fault in enumerate(dive.faults):
        said += f" {'and' if number else 'but'} {_fault(fault, rng)}"
    if all(fault.name != "large_splash" for fault in dive.faults):
        said += f" {_pick(rng, _NO_SPLASH)}"
    return said


def named_faults(text: str) -> set[str]:
    """The faults that a commentary names in the words of this grammar, however severe."""
    words = f" {' '.join(text.split())} "
    return {
        name
        for name, phrases in FAULT_PHRASES.items()
        if any(f" {phrase.partition('{how} ')[2]} " in words for phrase in phrases)
    }


def named_type(text: str) -> str:
    """What a commentary says was performed: direction, numbers and position, in plain words."""
    performed = _PERFORMED.search(text)
    ways = {way: name for name, words in _POSITIONS.items() for way in words}
    position = next((name for way, name in ways.items() if way in text), "")
    return f"{performed.group() if performed else ''} {position}".strip()


def _performed(kind: DiveType, rng: np.random.Generator) -> str:
    article = "an" if kind.direction == "inward" else "a"
    words = [article, kind.direction]
    if kind.half_somersaults == 1:
        words.append("dive")
    else:
        words += [_NUMBERS[kind.half_somersaults], "somersault"]
    if kind.half_twists:
        words += ["with", _NUMBERS[kind.half_twists], "twist" + "s" * (kind.half_twists > 2)]
    return " ".join([*words, _pick(rng, _POSITIONS[kind.position])])


def _fault(fault: Fault, rng: np.random.Generator) -> str:
    how = _pick(rng, _HOW[fault.severity >= _CLEAR])
    return _pick(rng, FAULT_PHRASES[fault.name]).format(how=how)


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]

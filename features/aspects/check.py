"""What is asked of a new file of aspects; stores that were measured before may hold otherwise."""

from __future__ import annotations

import re
from dataclasses import MISSING, fields

from aqa.features.aspects.definition import KINDS, Aspect, AspectError, AspectSet, Kind

_LONGEST_NAME = 60  # characters of a set's name, which files are called by
_FIELD = re.compile(r"\{[^{}]*\}|[{}]")
_EVERY = frozenset(KINDS)
# Key -> the kinds that it changes anything of.
_KEYS: dict[str, frozenset[Kind]] = {
    "axis": frozenset({"distance", "ratio", "travel"}),
    "to": frozenset({"limb-vertical"}),
    "reduce": _EVERY - {"duration", "jerk"},
    **dict.fromkeys(("before", "after", "trim"), _EVERY - {"duration"}),
}
_DEFAULTS = {field.name: field.default for field in fields(Aspect) if field.default is not MISSING}
# Kind -> pairs of points, by number, that must be two.
_TWO = {1: (), 2: ((0, 1),), 3: ((0, 1), (1, 2)), 4: ((0, 1), (2, 3))}


def check_new(definition: AspectSet, source: str, built_in: tuple[str, ...]) -> AspectSet:
    """The set itself; `AspectError` for what can only be a mistake. source: the file."""
    if definition.name in built_in:
        raise AspectError(
            f"{source}: name is {definition.name!r}, a built-in set; give another, since tables "
            "and stores are called by it"
        )
    if len(definition.name) > _LONGEST_NAME:
        raise AspectError(
            f"{source}: name has {len(definition.name)} characters; give one of {_LONGEST_NAME} or "
            "fewer"
        )
    for aspect in definition.aspects:
        where = f"{source}: aspect {aspect.name[:40]!r}"
        _check_sentence(aspect, where)
        _check_points(aspect, where)
        _check_order(aspect, where)
        _check_keys(aspect, where)
    return definition


def _check_sentence(aspect: Aspect, where: str) -> None:
    found = _FIELD.findall(aspect.says)
    unknown = [one for one in found if one not in ("{value}", "{unit}")]
    if unknown:
        raise AspectError(
            f"{where}: says has {unknown[0]}; only {{value}} and {{unit}} are filled in"
        )
    if "{value}" not in found:
        raise AspectError(f"{where}: says has no {{value}}, so nobody would read what was measured")


def _check_points(aspect: Aspect, where: str) -> None:
    for i, j in _TWO.get(len(aspect.points), ()):
        if aspect.points[i] == aspect.points[j]:
            raise AspectError(f"{where}: points has {aspect.points[i]!r} twice; name two points")


def _check_order(aspect: Aspect, where: str) -> None:
    first, last = aspect.over
    if first != last and (first == "end" or last == "start"):
        raise AspectError(f"{where}: over is {[first, last]}; name the earlier event first")


def _check_keys(aspect: Aspect, where: str) -> None:
    for key, kinds in _KEYS.items():
        if aspect.kind not in kinds and getattr(aspect, key) != _DEFAULTS[key]:
            raise AspectError(f"{where}: {key} changes nothing of a {aspect.kind}; leave it out")

"""Aspects from a TOML file, checked line by line: a file may come from anybody."""

from __future__ import annotations

import reprlib
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from aqa.errors import UnknownNameError, did_you_mean
from aqa.features.aspects.body import POINTS, is_sided, known_point
from aqa.features.aspects.check import check_new
from aqa.features.aspects.definition import KINDS, Aspect, AspectError, AspectSet, Event, Rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BUILT_IN = ("diving", "squat")
_MOST_BYTES, _MOST_ASPECTS, _MOST_TEXT = 256 << 10, 100, 300
_ALWAYS = ("start", "end")
_RULES = typing.get_args(Rule)
_HINTS = typing.get_type_hints(Aspect)
_NEEDED = tuple(
    field.name
    for field in fields(Aspect)
    if field.default is MISSING and field.default_factory is MISSING
)


def load_aspects(name: str) -> AspectSet:
    """The aspects of a built-in set, or of a TOML file; `AspectError` where these are none.

    `UnknownNameError` for a name that is neither a set's nor looks like a file's.
    """
    if name in BUILT_IN:
        text = (files("aqa.features.aspects") / f"{name}.toml").read_text(encoding="utf-8")
        return parse_aspects(text, f"{name}.toml")
    path = Path(name)
    if name == path.stem and not path.exists():  # a name, and no path
        raise UnknownNameError("set of aspects", name, BUILT_IN, "or name a TOML file")
    if not path.is_file():
        what = "it is no file" if path.exists() and name else "no such file"
        raise AspectError(
            f"{name or 'aspects'}: {what}, and no built-in set ({', '.join(BUILT_IN)}); name a "
            "TOML file, as path/to/aspects.toml"
        )
    if path.stat().st_size > _MOST_BYTES:
        raise AspectError(f"{path}: more than {_MOST_BYTES} bytes; name a TOML file of aspects")
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a mark before the text
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise AspectError(f"{path}: cannot be read as TOML: {reason}") from None
    return check_new(parse_aspects(text, str(path)), str(path), BUILT_IN)


def parse_aspects(text: str, source: str) -> AspectSet:
    """The aspects of a TOML text. source: what error messages call it."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of too many digits is no TOML error
        raise AspectError(f"{source}: not TOML: {error}") from None
    _only(content, ("name", "about", "events", "aspect"), source)
    name = _text(content.get("name"), f"{source}: name")
    if not name.replace("-", "").replace("_", "").isalnum():
        raise AspectError(f"{source}: name is {name!r}; letters, digits, - and _ are allowed")
    about = _text(content.get("about", name), f"{source}: about")
    events = _events(content.get("events", {}), source)
    tables = content.get("aspect")
    if isinstance(tables, dict):
        raise AspectError(f"{source}: aspect is one table; write [[aspect]], with two brackets")
    if not isinstance(tables, list) or not 1 <= len(tables) <= _MOST_ASPECTS:
        raise AspectError(f"{source}: expected 1 to {_MOST_ASPECTS} tables [[aspect]]")
    aspects = tuple(_aspect(table, number, events, source) for number, table in enumerate(tables))
    names = [aspect.name for aspect in aspects]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise AspectError(f"{source}: two aspects are called {twice[0]!r}; give each its own name")
    return AspectSet(name, about, events, aspects, text)


def _events(tables: Any, source: str) -> dict[str, Event]:
    if not isinstance(tables, dict):
        raise AspectError(f"{source}: events is no table; write [events.NAME] for each")
    found = {}
    for name, table in tables.items():
        where = f"{source}: event {_short(name)}"
        _text(name, f"{source}: the name of an event")
        if not isinstance(table, dict):
            raise AspectError(f"{where} is no table; write [events.{name}]")
        if name in _ALWAYS:
            raise AspectError(f"{where}: start and end are the video's own; give another name")
        _only(table, ("stage", "rule"), where)
        rule = table.get("rule", "")
        if rule and rule not in _RULES:
            raise AspectError(_no_choice(f"{where}: rule", rule, _RULES))
        stage = _text(table.get("stage", name), f"{where}: stage")
        found[name] = Event(name, stage, rule)
    return found


def _aspect(table: Any, number: int, events: Mapping[str, Event], source: str) -> Aspect:
    where = f"{source}: aspect {number + 1}"
    if not isinstance(table, dict):
        raise AspectError(f"{where} is no table; write [[aspect]]")
    if isinstance(table.get("name"), str):
        where = f"{source}: aspect {table['name'][:40]!r}"
    _only(table, [field.name for field in fields(Aspect)], where)
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        raise AspectError(f"{where}: {_lacking(missing[0])}")
    values = {key: _READ[key](value, f"{where}: {key}") for key, value in table.items()}
    aspect = Aspect(**values)
    _check(aspect, events, where)
    return aspect


def _lacking(key: str) -> str:
    choices = typing.get_args(_HINTS[key])
    told = f"; write {key} = one of {', '.join(choices)}" if key in ("kind", "worse") else ""
    return f"{key} is missing{told}"


def _check(aspect: Aspect, events: Mapping[str, Event], where: str) -> None:
    """What no single value tells."""
    known = (*_ALWAYS, *events)
    for name in aspect.over:
        if name not in known:
            raise AspectError(_no_choice(f"{where}: over", name, known))
    needed = KINDS[aspect.kind].points
    if len(aspect.points) != needed:
        raise AspectError(
            f"{where}: {len(aspect.points)} points; {aspect.kind} takes {needed}: "
            f"{KINDS[aspect.kind].says}"
        )
    sided = any(map(is_sided, aspect.points))
    if aspect.sides != "mean" and not sided:
        raise AspectError(
            f"{where}: sides is {aspect.sides!r}, and no point is on both sides, as `knee` is"
        )
    if aspect.kind in ("jerk", "travel") and sided:
        raise AspectError(f"{where}: {aspect.kind} takes one point, such as `hips` or `left hand`")
    if aspect.signed != "no" and aspect.kind != "limb-vertical":
        raise AspectError(f"{where}: signed is of limb-vertical alone")
    if aspect.kind == "duration" and aspect.over[0] == aspect.over[1]:
        raise AspectError(f"{where}: a duration is over two different events")
    if not 0 <= sum(aspect.trim) < 1:
        raise AspectError(f"{where}: trim is {list(aspect.trim)}, which leaves no frame")


def _only(table: Mapping[str, Any], known: typing.Sequence[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise AspectError(f"{where}: no key {key!r}; {did_you_mean(key, known)}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_TEXT:
        raise AspectError(
            f"{where} is {_short(value)}; expected a text of 1 to {_MOST_TEXT} characters"
        )
    if not value.isprintable():
        raise AspectError(f"{where}: only printable characters on one line are allowed")
    return value


def _number(low: float, high: float) -> Callable[[Any, str], float]:
    def read(value: Any, where: str) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            raise AspectError(
                f"{where} is {_short(value)}; expected a number of {low:g} to {high:g}"
            )
        return float(value)

    return read


def _choice(key: str) -> Callable[[Any, str], str]:
    choices = typing.get_args(_HINTS[key])

    def read(value: Any, where: str) -> str:
        if value not in choices:
            raise AspectError(_no_choice(where, value, choices))
        return str(value)

    return read


def _over(value: Any, where: str) -> tuple[str, str]:
    both = [value, value] if isinstance(value, str) else value
    if not isinstance(both, list) or len(both) != 2:
        raise AspectError(f"{where} is {_short(value)}; expected an event, or a list of two")
    return _text(both[0], where), _text(both[1], where)


def _points(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise AspectError(f"{where} is {_short(value)}; expected a list of points")
    for name in value:
        if not known_point(name):
            raise AspectError(_no_choice(where, name, POINTS))
    return tuple(value)


def _trim(value: Any, where: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise AspectError(f"{where} is {_short(value)}; expected two shares, such as [0.1, 0.1]")
    share = _number(0, 1)
    return share(value[0], where), share(value[1], where)


def _columns(value: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise AspectError(f"{where} is {_short(value)}; expected {{ column = ['value', ...] }}")
    found = {}
    for column, values in value.items():
        _text(column, f"{where}: a column")
        listed = values if isinstance(values, list) else [values]
        if not listed:
            raise AspectError(f"{where}: {column} is []; expected a list of texts")
        texts = [_text(one, f"{where}: {column}") for one in listed]
        found[column] = tuple(one.strip().lower() for one in texts)
    return found


def _no_choice(where: str, value: Any, choices: typing.Sequence[str]) -> str:
    told = isinstance(value, str)
    hint = did_you_mean(value, choices) if told else f"expected one of {', '.join(choices)}"
    return f"{where} is {_short(value)}; {hint}"


def _short(value: Any) -> str:
    try:
        return "missing" if value is None else _SHORT.repr(value)
    except ValueError:  # Python prints no number of more than 4300 digits
        return "a number of too many digits"


_SHORT = reprlib.Repr()  # of tables within tables, the outermost
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 60, 60
_seconds = _number(0, 60)
_READ: dict[str, Callable[[Any, str], Any]] = {
    "name": _text,
    "says": _text,
    "over": _over,
    "points": _points,
    "neutral": _number(-1e6, 1e6),
    "before": _seconds,
    "after": _seconds,
    "trim": _trim,
    "only": _columns,
    **{key: _choice(key) for key in ("kind", "worse", "reduce", "sides", "signed", "to", "axis")},
}

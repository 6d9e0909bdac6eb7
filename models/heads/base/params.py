"""Hyper-parameters: the fields of a head's dataclass, read from text, checked and described."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from aqa.errors import HeadError, HeadUsageError, did_you_mean

T = TypeVar("T")


def param(
    default: Any,
    help: str,
    *,
    source: str = "",
    low: float | None = None,
    above: float | None = None,
    below: float = math.inf,
) -> Any:
    """A hyper-parameter of a head: its default, and what it means, with its unit.

    source: where the default, or the parameter, is from: a citation such as `jain2020 §III-B`, or
    `ours`. A number is `low` or more, or more than `above`, and less than `below`; where neither
    `low` nor `above` is given, counts are 1 or more, and other numbers 0 or more.
    """
    metadata = {"help": help, "source": source, "low": low, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=metadata)


def params_of(inner: type) -> Callable[[type[T]], type[T]]:
    """A class decorator: the head takes the hyper-parameters of a head that it holds as its own.

    Put it below `@dataclass`. Fields that the class states itself, or has from a base, stay.
    """

    def add(outer: type[T]) -> type[T]:
        hints, declared = typing.get_type_hints(inner), inspect.get_annotations(outer)
        known = {f.name for base in outer.__mro__[1:] for f in _fields(base)}
        taken = {
            f.name: f for f in _fields(inner) if f.name not in declared and f.name not in known
        }
        for name, field in taken.items():
            setattr(outer, name, dataclasses.field(default=field.default, metadata=field.metadata))
        outer.__annotations__ = {**{name: hints[name] for name in taken}, **declared}
        return outer

    return add


def shared_params(outer: Any, inner: type[T]) -> dict[str, Any]:
    """The values of those hyper-parameters that `inner` has too, to make one with."""
    known = {field.name for field in dataclasses.fields(outer)}
    return {f.name: getattr(outer, f.name) for f in _fields(inner) if f.name in known}


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()


def check_params(head: Any) -> None:
    """Raise `HeadUsageError` with every hyper-parameter whose value is none that it can have."""
    hints = typing.get_type_hints(type(head))
    problems = []
    for field in dataclasses.fields(head):
        value, kinds = getattr(head, field.name), _kinds(hints[field.name])
        expected = None
        if isinstance(value, str) and str not in kinds and value not in _words(kinds):
            expected = _expected(kinds)
        elif isinstance(value, int | float) and not isinstance(value, bool) and field.metadata:
            expected = _out_of_range(value, 1 if int in kinds else 0, field.metadata)
        if expected:
            problems.append(f"{field.name}={value} is not {expected}")
    if problems:
        raise HeadUsageError("; ".join(problems))


def check_types(head: Any) -> None:
    """Raise `HeadError` with every hyper-parameter whose value, as saved, is of another type."""
    hints = typing.get_type_hints(type(head))
    problems = []
    for field in dataclasses.fields(head):
        value, kinds = getattr(head, field.name), _kinds(hints[field.name])
        known = [kind for kind in kinds if kind in (int, float, bool, str)]
        if value is None:
            fits = types.NoneType in typing.get_args(hints[field.name])
        elif isinstance(value, bool):
            fits = bool in kinds
        elif isinstance(value, str):
            fits = str in kinds or value in _words(kinds)
        elif isinstance(value, int | float):
            fits = float in kinds or (int in kinds and isinstance(value, int))
        else:
            fits = False
        if (known or _words(kinds)) and not fits:
            problems.append(f"{field.name}={value!r} is not {_expected(kinds)}")
    if problems:
        raise HeadError("; ".join(problems))


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types of a hint without `None`: of `float | None`, `float`."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    kinds = typing.get_args(hint) if union else (hint,)
    return tuple(kind for kind in kinds if kind is not types.NoneType)


def _words(kinds: Sequence[Any]) -> list[str]:
    """The texts that literals among the types allow."""
    literals = [kind for kind in kinds if typing.get_origin(kind) is typing.Literal]
    return [word for kind in literals for word in typing.get_args(kind)]


def _expected(kinds: Sequence[Any]) -> str:
    """What a value of one of these types is."""
    words = _words(kinds)
    named = {int: "a whole number", float: "a number", bool: "true or false"}
    choices = [f"one of {', '.join(words)}" if len(words) > 1 else words[0]] if words else []
    expected = [*(named[kind] for kind in kinds if kind in named), *choices]
    return " or ".join(expected) or "what a text can say"


def _out_of_range(value: float, least: int, bounds: Mapping[str, Any]) -> str | None:
    low, above, below = bounds["low"], bounds["above"], bounds["below"]
    if above is not None:
        inside, expected = above < value < below, f"above {above}"
    else:
        low = least if low is None else low
        inside, expected = low <= value < below, f"{low} or more"
    if inside and math.isfinite(value):
        return None
    return f"a number, {expected}" + (f" and below {below}" if below < math.inf else "")


def describe_params(head: type) -> str:
    """One line per hyper-parameter: name, default and meaning."""
    return "\n".join(
        f"  {field.name}={field.default}  {field.metadata.get('help', '')}"
        for field in dataclasses.fields(head)
    )


def parse_params(
    head: type,
    texts: Sequence[str],
    also: Sequence[type] = (),
    old: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Turn `name=value` texts into hyper-parameters; `HeadUsageError` with every mistake.

    also: further dataclasses whose fields can be given. old: earlier name -> the present one.

    >>> from aqa.models.heads.svr import SVRHead
    >>> parse_params(SVRHead, ["C=10", "kernel=linear"])
    {'C': 10.0, 'kernel': 'linear'}
    """
    kinds = (head, *also)
    names = [field.name for kind in kinds for field in dataclasses.fields(kind)]
    hints = {name: hint for kind in kinds for name, hint in typing.get_type_hints(kind).items()}
    values: dict[str, Any] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            problems.append(f"{text!r} is not name=value")
        elif name not in names:
            known = did_you_mean(name, names)
            renamed = f"it is now called {old[name]!r}" if old and name in old else known
            problems.append(f"no parameter {name!r}; {renamed}")
        else:
            try:
                values[name] = _parse(value, hints[name])
            except ValueError as error:
                problems.append(f"{name}={value!r} is not {error}")
    if problems:
        described = "\n".join(describe_params(kind) for kind in kinds)
        raise HeadUsageError("; ".join(problems) + f"\nparameters of {head.__name__}:\n{described}")
    return values


def _parse(text: str, hint: Any) -> Any:
    kinds = _kinds(hint)
    if types.NoneType in typing.get_args(hint) and text.lower() == "none":
        return None
    if str in kinds or text in _words(kinds):
        return text
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        if kind in kinds:
            with contextlib.suppress(ValueError):
                return kind(text)
    raise ValueError(_expected(kinds))

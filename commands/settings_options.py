"""Command line options made of a dataclass of settings, which alone states them."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import click

Command = Callable[..., Any]


def options_of(settings: type) -> Callable[[Command], Command]:
    """A decorator that adds one option per field, see `aqa.workflows.finetune.settings.setting`."""
    hints = typing.get_type_hints(settings)

    def add(command: Command) -> Command:
        for field in reversed(dataclasses.fields(settings)):
            command = _option(field, hints[field.name])(command)
        return command

    return add


def taken_from(settings: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the settings' fields, taken out of all options of a command."""
    return {field.name: values.pop(field.name) for field in dataclasses.fields(settings)}


def _option(field: dataclasses.Field[Any], hint: Any) -> Callable[[Command], Command]:
    name = field.name.replace("_", "-")
    metadata = field.metadata
    default = metadata["none"] if field.default is None else True
    options: dict[str, Any] = {"default": field.default, "show_default": default}
    if hint is bool:
        flags = f"--{name}/--no-{name}"
    else:
        flags, options["type"] = f"--{name}", _type(hint, metadata)
        options["metavar"] = metadata["unit"].upper() or None
    return click.option(flags, help=_help(metadata), **options)


def _help(metadata: Mapping[str, Any]) -> str:
    """What it means, and who states the default where that is not us."""
    source = metadata["source"]
    return metadata["help"] + ("." if source == "ours" else f" ({source}).")


def _type(hint: Any, metadata: Mapping[str, Any]) -> click.ParamType:
    """The option type of a field's type; of `int | None`, that of `int`."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (kind for kind in typing.get_args(hint) if kind is not types.NoneType)
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint))
    is_open = metadata["above"] is not None
    least, most = metadata["above" if is_open else "low"], metadata["high"]
    if hint is int:
        return click.IntRange(least, most, min_open=is_open)
    if hint is float:
        return click.FloatRange(least, most, min_open=is_open)
    raise TypeError(f"no option type for {hint}")

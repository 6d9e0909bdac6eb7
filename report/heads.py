"""Heads as text: a list with one line per head, and a page on one of them."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import math
import re
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aqa.report.references import foot
from aqa.report.tables import table, wrapped

# A citation, with the brackets around it, at the end of a docstring's first line.
_CITATION = re.compile(r"\s*\([^()]*\d{4}[^()]*\)\.?$")


def heads_list(names: Iterable[str], elsewhere: Mapping[str, str] | None = None) -> str:
    """One line per head: its name, and what it does; imports no head.

    elsewhere: name -> what to say of a head that another package brings.
    """
    said = elsewhere or {}
    return table([[name, said.get(name) or summary(name)] for name in names], left=2)


def summary(name: str) -> str:
    """The first line of the docstring of a head's module, read without importing it."""
    spec = importlib.util.find_spec(f"aqa.models.heads.{name.replace('-', '_')}")
    if spec is None or spec.origin is None:
        return ""
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return _CITATION.sub("", text.partition("\n")[0]).rstrip(".")


def head_page(name: str, head: type[Any], also: Iterable[type[Any]] = ()) -> str:
    """What a head does, its hyper-parameters, and what the keys in their sources mean.

    also: further dataclasses whose fields `-p` takes beside the head's own. Where the head's file
    holds `PUBLISHED`, the values with which it is as published stand below.
    """
    module = inspect.getmodule(head)
    title = (inspect.getdoc(module) or inspect.getdoc(head) or "").partition("\n")[0]
    rows = parameter_rows(head, also)
    header = ["parameter", "default", "meaning", "source"]
    # A table repeats its first columns where it is too wide; all four are text.
    text = [wrapped(f"{name}: {title}", indent="    "), "", table(rows, header, left=4)]
    if published := getattr(module, "PUBLISHED", ()):
        values = " ".join(f"-p {value}" for value in published)
        text += ["", wrapped(f"as published: {values}", indent="    ")]
    return "\n".join(text) + foot(title, *(cell for row in rows for cell in row))


def parameter_rows(head: type[Any], also: Iterable[type[Any]] = ()) -> list[list[str]]:
    """Name, default, meaning and source of each hyper-parameter, a head's own ones first."""
    return [
        _row(field, typing.get_type_hints(kind)[field.name])
        for kind in (head, *also)
        for field in sorted(dataclasses.fields(kind), key=lambda field: not _states(kind, field))
    ]


def _states(head: type[Any], field: dataclasses.Field[Any]) -> bool:
    """Whether the class itself states a field: its own are shown before those that heads share."""
    return field.name in vars(head).get("__annotations__", {})


def _row(field: dataclasses.Field[Any], hint: Any) -> list[str]:
    said = field.metadata
    meaning = "; ".join(phrase for phrase in (said.get("help", ""), allowed(hint, said)) if phrase)
    return [field.name, _default(field.default), meaning, said.get("source", "")]


def _default(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def allowed(hint: Any, bounds: Mapping[str, Any]) -> str:
    """The values that a hyper-parameter can have, in words; empty for what goes without saying."""
    kinds = _kinds(hint)
    words = [str(word) for kind in kinds for word in typing.get_args(kind)]
    said = [f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else "".join(words)]
    if bool in kinds:
        said.append("true or false")
    if int in kinds or float in kinds:
        said.append(_range(1 if int in kinds else 0, bounds))
    if types.NoneType in kinds:
        said.append("none")
    return ", or ".join(phrase for phrase in said if phrase)


def _kinds(hint: Any) -> tuple[Any, ...]:
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def _range(least: int, bounds: Mapping[str, Any]) -> str:
    low, above, below = (bounds.get(name) for name in ("low", "above", "below"))
    start = f"{least if low is None else low} or more" if above is None else f"above {above}"
    return start if below is None or math.isinf(below) else f"{start}, below {below:.10g}"

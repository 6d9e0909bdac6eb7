"""Where a head comes from: this package, an installed one, or a file that the user named."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

from aqa.models.heads.base.head import Head
from aqa.plugins import Origin, PluginError, file_stem, load_file, load_installed


@dataclass(frozen=True)
class HeadSource:
    """A head's class, the name of its runs, and where it came from (None: this package).

    text: what the user typed.
    """

    name: str
    text: str
    head_class: type[Head]
    origin: Origin | None = None

    @property
    def attribute(self) -> str:
        """The name of what the file holds, such as `HEAD`."""
        return self.origin.name.rpartition(":")[2] if self.origin else "HEAD"


def own_head(name: str) -> HeadSource:
    """A head of this package."""
    module = importlib.import_module(f"aqa.models.heads.{name.replace('-', '_')}")
    return HeadSource(name, name, module.HEAD)


def from_file(text: str) -> HeadSource:
    """The head of a file that the user named; its runs are called after the file."""
    made, origin = load_file(text, "HEAD")
    return HeadSource(file_stem(text), text, _checked(made, text), origin)


def file_head(text: str, attribute: str) -> HeadSource:
    """The head that a file, which the user named, holds under another name than he gave."""
    return from_file(f"{text.rpartition('.py')[0]}.py:{attribute}")


def from_package(name: str, point: EntryPoint) -> HeadSource:
    """The head that an installed package offers under this name."""
    made, origin = load_installed(point)
    return HeadSource(name, name, _checked(made, point.value), origin)


def _checked(made: Any, where: str) -> type[Head]:
    if not (isinstance(made, type) and issubclass(made, Head)):
        raise PluginError(
            f"{where} is {made!r}, no class of a head; write a dataclass that inherits from "
            "aqa.models.heads.Head"
        )
    if made.fit_examples is Head.fit_examples or (
        made.kind == "scores" and made.predict_examples is Head.predict_examples
    ):
        raise PluginError(
            f"{where}: {made.__name__} learns or answers nothing: write fit and predict, or "
            "fit_examples and predict_examples"
        )
    return made

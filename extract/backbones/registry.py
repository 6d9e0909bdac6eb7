"""Which backbones there are: the files of this folder, read without importing them."""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.errors import UnknownNameError

if TYPE_CHECKING:
    from aqa.extract.backbones.architecture import Architecture


@functools.cache
def _families() -> dict[str, str]:
    """Backbone -> the file that holds it, from the literal `NAMES` of each file."""
    families: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "NAMES":
                families |= dict.fromkeys(ast.literal_eval(statement.value), path.stem)
    return families


def backbone_names() -> tuple[str, ...]:
    """The backbones of this package, as `--backbone` takes them; imports no network."""
    return tuple(_families())


@functools.cache
def get_architecture(name: str) -> Architecture:
    """The description of a backbone of this package; `UnknownNameError` for another name."""
    families = _families()
    if name not in families:
        raise UnknownNameError("backbone", name, list(families))
    module = importlib.import_module(f"aqa.extract.backbones.{families[name]}")
    architecture: Architecture = module.architecture(name)
    return architecture

"""The networks that features come from: a file here is a family of `--backbone`.

A family's module has two names: `NAMES`, a literal tuple of the backbones it holds, which is
read without importing it, and `architecture(name)`, which describes one of them.
"""

from __future__ import annotations

import ast
import functools
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.errors import UnknownNameError

if TYPE_CHECKING:
    from aqa.extract.backbones.base import Architecture, Backbone


@functools.cache
def _families() -> dict[str, str]:
    families: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "NAMES":
                families |= dict.fromkeys(ast.literal_eval(statement.value), path.stem)
    return families


def backbone_names() -> tuple[str, ...]:
    """The names that `--backbone` takes; imports no network."""
    return tuple(_families())


@functools.cache
def get_architecture(name: str) -> Architecture:
    """The description of a backbone; `UnknownNameError` for a name that is none."""
    families = _families()
    if name not in families:
        raise UnknownNameError("backbone", name, list(families))
    module = importlib.import_module(f"aqa.extract.backbones.{families[name]}")
    architecture: Architecture = module.architecture(name)
    return architecture


def load_backbone(
    name: str,
    weights: str | Path | None = None,
    layer: str | None = None,
    *,
    preprocess: str | None = None,
    seed: int = 0,
) -> Backbone:
    """Load a backbone in eval mode, on the CPU.

    weights: a checkpoint file in one of the backbone's layouts, detected from its keys and
    loaded strictly; `random` for seeded, untrained ones; None for those the package ships.
    layer: where the network ends; None for the backbone's default. preprocess: name of the
    layout whose preprocessing to use instead of the checkpoint's own. seed: of random weights.

    The module takes float32 (N, 3, T, H, W), already normalised, and gives (N, dim).
    Raises `WeightsError` with every missing, extra or misshapen tensor.
    """
    from aqa.extract.backbones.base import load

    return load(get_architecture(name), weights, layer, preprocess, seed)

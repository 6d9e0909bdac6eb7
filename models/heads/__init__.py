"""The heads: a file here, other than the shared ones, is a `--head`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.errors import UnknownNameError

if TYPE_CHECKING:
    from aqa.models.heads.base import BaseHead

_SHARED = (
    *("__init__", "aggregating", "base", "comparing", "distribution", "joint"),
    *("network", "pooling", "pose"),
)


def head_names() -> tuple[str, ...]:
    """The names that `--head` takes; imports none of them."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(stem.replace("_", "-") for stem in stems if stem not in _SHARED))


def get_head(name: str) -> type[BaseHead]:
    """The class of a head; `UnknownNameError` for a name that is none."""
    if name not in head_names():
        raise UnknownNameError("head", name, head_names())
    module = importlib.import_module(f"aqa.models.heads.{name.replace('-', '_')}")
    head: type[BaseHead] = module.HEAD
    return head

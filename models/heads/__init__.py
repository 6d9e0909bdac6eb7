"""The heads: a file directly in this folder is a `--head`; what they share is in `base/`."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.errors import UnknownNameError
from aqa.models.saved.old_names import HEADS
from aqa.plugins import installed, is_file

if TYPE_CHECKING:
    from aqa.models.heads.base import (
        Examples,
        Head,
        HeadError,
        check_fit,
        check_sequences,
        param,
    )
    from aqa.models.heads.base.end_to_end import OneNetworkAdapter
    from aqa.models.heads.base.network import NetworkHead
    from aqa.models.heads.base.score_network import ScoreNetworkHead
    from aqa.models.heads.base.source import HeadSource

__all__ = [
    "Examples",
    "Head",
    "HeadError",
    "NetworkHead",
    "OneNetworkAdapter",
    "ScoreNetworkHead",
    "check_fit",
    "check_sequences",
    "find_head",
    "get_head",
    "head_names",
    "make_head",
    "offered_heads",
    "own_names",
    "param",
    "unknown_head",
]

# The group of entry points by which an installed package offers heads.
ENTRY_POINTS = "aqa.heads"


# What a head is written with -> its module; imported when asked for, as it takes scikit-learn.
_LAZY = {
    **dict.fromkeys(
        ("Examples", "Head", "HeadError", "check_fit", "check_sequences", "param"),
        "aqa.models.heads.base",
    ),
    "NetworkHead": "aqa.models.heads.base.network",
    "OneNetworkAdapter": "aqa.models.heads.base.end_to_end",
    "ScoreNetworkHead": "aqa.models.heads.base.score_network",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def own_names() -> tuple[str, ...]:
    """The names of the heads of this package; imports none of them."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(sorted(stem.replace("_", "-") for stem in stems if not stem.startswith("__")))


def head_names() -> tuple[str, ...]:
    """The names that `--head` takes, installed packages' among them; imports none of them.

    `--head` takes files too, see `find_head`.
    """
    return tuple(sorted({*own_names(), *installed(ENTRY_POINTS)}))


def offered_heads() -> dict[str, str]:
    """The heads of installed packages: name -> in words whose it is; imports none of them."""
    return {
        name: f"of {point.dist.name} {point.dist.version}" if point.dist else f"at {point.value}"
        for name, point in installed(ENTRY_POINTS).items()
        if name not in own_names()
    }


def find_head(text: str) -> HeadSource:
    """The head that a user names: by name, or `path/to/file.py` or `path/to/file.py:Class`.

    A file is run, so `text` must come from the user. `UnknownNameError` for a name that is none,
    `PluginError` for a file that gives no head.
    """
    from aqa.models.heads.base.source import from_file, from_package, own_head

    if is_file(text):
        return from_file(text)
    if text in own_names():
        return own_head(text)
    offered = installed(ENTRY_POINTS)
    if text in offered:
        return from_package(text, offered[text])
    raise unknown_head(text)


def get_head(name: str) -> type[Head]:
    """The class of a head; see `find_head`."""
    return find_head(name).head_class


def make_head(name: str, params: Mapping[str, Any]) -> Head:
    """The head of that name with these hyper-parameters; see `find_head`.

    `difficulty` and `scale` among them make a `TransformedHead` around it.
    """
    from aqa.models.target_transforms import transformed

    return transformed(get_head(name), params)


def unknown_head(text: str) -> UnknownNameError:
    """The error of a name that is no head; says how a head is called that was renamed."""
    if text in HEADS:
        return UnknownNameError("head", text, (HEADS[text],), f"it is now called {HEADS[text]!r}")
    remedy = "`aqa heads` lists all; a head of your own is a file, as --head path/to/head.py"
    return UnknownNameError("head", text, head_names(), remedy)

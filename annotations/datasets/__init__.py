"""The importers: a file here, other than the shared ones, is a NAME of `aqa import`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from aqa.errors import UnknownNameError

if TYPE_CHECKING:
    from aqa.annotations.datasets.base import Importer

_SHARED = ("__init__", "base", "dives", "matlab", "pickles", "unlv")


def importer_names() -> tuple[str, ...]:
    """The names that `aqa import` takes; imports none of them. `csv_.py` holds `csv`."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return tuple(
        sorted(stem.rstrip("_").replace("_", "-") for stem in stems if stem not in _SHARED)
    )


def get_importer(name: str) -> Importer:
    """The importer of that name; `UnknownNameError` for a name that is none."""
    if name not in importer_names():
        raise UnknownNameError("dataset", name, importer_names())
    file = name.replace("-", "_")
    if not (Path(__file__).parent / f"{file}.py").exists():
        file += "_"
    importer: Importer = importlib.import_module(f"aqa.annotations.datasets.{file}").IMPORTER
    return importer

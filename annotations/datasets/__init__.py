"""The importers of published datasets: a file here is a NAME of `aqa import`.

Those of others come from installed distributions, by their entry points of the group
`aqa.datasets`, or from a Python file that the user names; neither can take one of our names.
"""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import NamedTuple

from aqa.annotations.importing.importer import Importer
from aqa.errors import UnknownNameError
from aqa.plugins import Origin, PluginError, installed, is_file, load_file, load_installed

GROUP = "aqa.datasets"


class FoundImporter(NamedTuple):
    """An importer, what it is called, and its module's own words on it: a title, then remarks.

    origin: where it came from, if it is none of ours.
    """

    name: str
    importer: Importer
    words: str
    origin: Origin | None = None


def importer_names() -> tuple[str, ...]:
    """The names of our importers; imports none of them. `csv_.py` holds `csv`."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return tuple(sorted(stem.rstrip("_").replace("_", "-") for stem in stems))


def importer_titles() -> dict[str, str]:
    """What every name of `aqa import` stands for, in a line; imports none of the importers."""
    titles = {}
    for name in importer_names():
        text = _file(name).read_text(encoding="utf-8")
        titles[name] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    for name, point in installed(GROUP).items():
        package = point.dist.name if point.dist else point.value
        titles.setdefault(name, f"of the installed package {package}")
    return titles


def find_importer(text: str) -> FoundImporter:
    """The importer that was typed: a name, or `path/to/mine.py`, `path/to/mine.py:NAME`.

    `UnknownNameError` for a name that is none, `PluginError` for code that holds no importer.
    """
    if text in importer_names():
        module = importlib.import_module(f"aqa.annotations.datasets.{_file(text).stem}")
        return FoundImporter(text, module.IMPORTER, module.__doc__ or "")
    others = installed(GROUP)
    if is_file(text):
        importer, origin = load_file(text, "IMPORTER")
    elif text in others:
        importer, origin = load_installed(others[text])
    else:
        raise UnknownNameError("dataset", text, [*importer_names(), *others])
    if not isinstance(importer, Importer):
        raise PluginError(
            f"{origin.name} is {type(importer).__name__}, not an Importer; it is made as "
            "IMPORTER = Importer(read)"
        )
    module = importlib.import_module(importer.read.__module__)
    return FoundImporter(text, importer, module.__doc__ or "", origin)


def _file(name: str) -> Path:
    """The file of one of our importers."""
    path = Path(__file__).parent / f"{name.replace('-', '_')}.py"
    return path if path.exists() else path.with_stem(f"{path.stem}_")

"""Code from outside the package: installed entry points, and files named on the command line.

Nothing here runs code because a saved file says so. A saved run records where its code came from
(`Origin`); only a user who names the file again makes it run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from aqa.errors import AqaError, did_you_mean

_FILE = re.compile(r"(?P<path>.+\.py)(?::(?P<attribute>\w+))?")


class PluginError(AqaError):
    """Code from outside that cannot be loaded, or is not what it was named for."""


@dataclass(frozen=True)
class Origin:
    """Where an outsider's head, backbone or importer came from, for the records of runs and stores.

    source: `file` or `package`. name: the path and attribute as typed, or `distribution version`
    and the entry point's value. sha256: of the module's source text; None where there is none.
    """

    source: str
    name: str
    sha256: str | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {"source": self.source, "name": self.name, "sha256": self.sha256}


def is_file(text: str) -> bool:
    """Whether a name on the command line means a file: `topk.py`, `topk.py:TopKHead`."""
    return _FILE.fullmatch(text) is not None


def file_stem(text: str) -> str:
    """The name of a file without folder and ending: `topk` for `path/to/topk.py:TopKHead`."""
    return file_path(text).stem


def file_path(text: str) -> Path:
    """The path of the file that a name on the command line means, without the attribute."""
    match = _FILE.fullmatch(text)
    return Path(match["path"] if match else text)


def load_file(text: str, attribute: str) -> tuple[Any, Origin]:
    """Run a Python file that the user named, and give what it holds.

    text: `path/to/file.py` or `path/to/file.py:name`. attribute: taken where `text` names none.
    Raises `PluginError` where the file is missing, fails, or has no such attribute.
    """
    match = _FILE.fullmatch(text)
    if match is None:
        raise PluginError(f"{text}: not a Python file; give path/to/file.py or file.py:NAME")
    path, wanted = Path(match["path"]), match["attribute"] or attribute
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PluginError(f"{path}: {error.strerror}; give the path of a Python file") from None
    digest = hashlib.sha256(source).hexdigest()
    module = _module(path.resolve(), digest)
    return _attribute(module, wanted, str(path)), Origin("file", f"{path}:{wanted}", digest)


def installed(group: str) -> Mapping[str, EntryPoint]:
    """The entry points of a group, by name; imports none of them.

    group: `aqa.heads`, `aqa.backbones` or `aqa.datasets`.
    """
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}


def load_installed(point: EntryPoint) -> tuple[Any, Origin]:
    """Import what an installed distribution offers."""
    try:
        value = point.load()
    except Exception as error:
        raise PluginError(
            f"{point.value} of {_distribution(point)} cannot be imported "
            f"({type(error).__name__}: {error}); reinstall or remove that package"
        ) from error
    module = sys.modules.get(point.module)
    file = getattr(module, "__file__", None)
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else None
    return value, Origin("package", f"{_distribution(point)}: {point.value}", digest)


def _module(path: Path, digest: str) -> ModuleType:
    """The file as a module; the same file is run once per process."""
    name = f"aqa_file_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{digest[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up while it runs
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"{path} fails: {type(error).__name__}: {error}") from error
    return module


def _attribute(module: ModuleType, name: str, where: str) -> Any:
    if not hasattr(module, name):
        made_here = [known for known, value in vars(module).items() if _made_in(module, value)]
        raise PluginError(
            f"{where} has no {name}; {did_you_mean(name, made_here)}; "
            f"set {name} = ... in the file, or name one as {where}:NAME"
        )
    return getattr(module, name)


def _made_in(module: ModuleType, value: Any) -> bool:
    """Whether a module made this value of its, rather than imported it or was given it."""
    if isinstance(value, (type, FunctionType)):
        return value.__module__ == module.__name__
    return type(value).__module__.startswith(("aqa.", module.__name__))


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"

"""Every error of this package crosses from one process to another as it is."""

from __future__ import annotations

import ast
import copy
import importlib
import pickle
from collections.abc import Iterator
from pathlib import Path

from aqa.annotations.manifest import ManifestError
from aqa.errors import AqaError, HeadError, UnknownNameError, portable
from aqa.extract.checkpoints.transfer import TransferError
from aqa.files import WriteError
from aqa.models.heads.base.checks import UnfittedHeadError

ROOT = Path(__file__).parent.parent
# What the constructors of those take that take more than a message.
TAKES = {
    ManifestError: (Path("manifest.csv"), ["line 2: no id", "line 3: no score"]),
    UnknownNameError: ("head", "svn", ["lstm", "svr"], "or a file"),
}


def modules() -> Iterator[str]:
    """The modules that define an exception."""
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] in ("tests", "benchmarks", "examples", "docs") or parts[0].startswith("."):
            continue
        text = path.read_text(encoding="utf-8")
        if "Error" not in text and "Refused" not in text:
            continue
        classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
        if any("Error" in ast.unparse(base) for node in classes for base in node.bases):
            yield ".".join(("aqa", *parts))


def subclasses(kind: type[AqaError]) -> Iterator[type[AqaError]]:
    """The class, and all below it."""
    yield kind
    for one in kind.__subclasses__():
        yield from subclasses(one)


def every_error() -> list[type[AqaError]]:
    for name in modules():
        importlib.import_module(name)
    found = {kind for kind in subclasses(AqaError) if kind.__module__.startswith("aqa.")}
    return sorted(found, key=lambda kind: kind.__name__)


def test_an_error_crosses_between_processes() -> None:
    kinds = every_error()
    for kind in kinds:
        error = kind(*TAKES.get(kind, ("manifest.csv: no such file",)))
        for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
            assert type(again) is kind
            assert str(again) == str(error)
            assert again.args == error.args
            assert vars(again) == vars(error)
    assert {ManifestError, UnknownNameError, WriteError, UnfittedHeadError} <= set(kinds)


def test_an_error_of_a_users_file_crosses_as_a_plain_one() -> None:
    class TheirError(HeadError):
        """As in a head's own file, which another process has not."""

    again = pickle.loads(pickle.dumps(portable(TheirError("no left hand in it"))))
    assert type(again) is AqaError
    assert str(again) == "no left hand in it"
    ours = HeadError("no left hand in it")
    assert portable(ours) is ours


def test_its_attributes_cross_too() -> None:
    again = pickle.loads(pickle.dumps(TransferError("no such file there", absent=True)))
    assert (again.here, again.absent) == (False, True)

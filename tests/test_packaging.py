"""The house: what is shipped, what imports what, and what starts quickly."""

from __future__ import annotations

import ast
import configparser
import importlib
import statistics
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

# What each room may import of this project, besides the shared leaves. The flow, left to right:
# annotations -> extract -> features -> models -> evaluation; workflows join the rooms.
LEAVES = {
    *("errors", "files", "temporaries", "event_log", "device", "processes", "workspace"),
    *("growing_table", "plugins", "papers", "metrics", "split_names", "target_names"),
    "number_text",
}
DATA = {"annotations", "features"}
ALLOWED = {
    "annotations": {"annotations"},
    "features": {"features"},
    "extract": {"extract", *DATA},
    "models": {"models", *DATA},
    "evaluation": {"evaluation", "models", *DATA},
    "workflows": {"workflows", "evaluation", "models", "extract", *DATA},
    "report": {"report", "workflows", "evaluation", "models", *DATA},
    "serve": {"serve", "report", "workflows", "models", "extract", *DATA},
    "testing": {"testing", "extract", "models", *DATA},
    "api": {"workflows", "evaluation", "models", "extract", *DATA},
    "commands": {
        *("commands", "serve", "report", "workflows", "evaluation", "models", "extract"),
        *DATA,
    },
    "cli": {"commands"},
    "__main__": {"cli"},
    "__init__": {"api", "workflows", *DATA},
    **{leaf: set() for leaf in LEAVES},
}
# Classes that may stand on more than four others of ours; none at present.
DEEP: set[str] = set()
# Tables of data may be as long as their data.
TABLES = {"workflows/reproduce/tables"}
# Third-party packages that only these parts may import.
KEPT_TO = {
    "h5py": {"features/store", "features/elsewhere/hdf5.py", "extract/poses/formats/deeplabcut.py"},
    "cv2": {"extract", "workflows/demo"},
    "av": {"extract/video"},
    "torch": {"extract", "models", "workflows", "testing", "device.py"},
    "click": {"cli.py", "commands", "workflows/demo/train_backbone.py"},
    **{name: {"serve"} for name in ("fastapi", "starlette", "uvicorn", "python_multipart")},
    "matplotlib": {"report"},
    "jinja2": {"report/page", "serve"},
}


def modules(root: Path) -> list[Path]:
    skipped = {"tests", "benchmarks", "examples", "build", ".venv"}
    found = [p.relative_to(root) for p in root.rglob("*.py")]
    return [p for p in found if p.parts[0] not in skipped and not p.parts[0].startswith(".")]


@cache
def imported(path: Path, typing: bool = True) -> set[str]:
    """What a file imports; typing: also what it imports for type checkers alone."""
    names = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    left_out: set[ast.AST] = set()
    for node in ast.walk(tree):
        if not typing and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            left_out |= {*ast.walk(node)}
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write it from aqa down"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def graph(root: Path) -> dict[str, set[str]]:
    """The files of the package as modules -> the modules that they import, but for typing alone."""
    names = {
        ".".join(["aqa", *p.with_suffix("").parts]).removesuffix(".__init__"): p
        for p in modules(root)
    }
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        found[name] = set()
        for target in imported(root / path, typing=False):
            while target and target not in names:
                target = target.rpartition(".")[0]
            found[name] |= {target} - {"", "aqa", name}
    return found


def reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    seen: set[str] = set()
    todo = [*edges[start]]
    while todo:
        if (one := todo.pop()) not in seen:
            seen.add(one)
            todo += edges[one]
    return seen


def test_every_package_is_shipped(root: Path) -> None:
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {".".join(["aqa", *p.parent.parts]) for p in modules(root) if p.name == "__init__.py"}
    assert listed == found


def test_imports_point_down(root: Path) -> None:
    for path in modules(root):
        part = path.parts[0].removesuffix(".py")
        for name in imported(root / path):
            if name.startswith("aqa.") and name != "aqa.__version__":
                target = name.split(".")[1]
                assert target in ALLOWED[part] | LEAVES, f"{path} imports {name}"


def test_heavy_packages_stay_where_they_belong(root: Path) -> None:
    for path in modules(root):
        for name in imported(root / path):
            allowed = KEPT_TO.get(name.split(".")[0])
            if allowed is not None:
                places = {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
                assert allowed & places, f"{path} imports {name}"


def test_the_root_imports_nothing() -> None:
    code = (
        "import sys\nimport aqa\nassert aqa.__version__\n"
        "rooms = [name for name in sys.modules if name.startswith('aqa.')]\n"
        "heavy = {'torch', 'h5py', 'cv2', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not rooms and not heavy, (rooms, heavy)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["extract", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom aqa.cli import main\n"
        f"try: main({arguments!r}, prog_name='aqa')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'h5py', 'cv2', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_no_file_imports_itself_by_way_of_others(root: Path) -> None:
    edges = graph(root)
    assert [name for name in edges if name in reachable(name, edges)] == []


def test_files_are_short(root: Path) -> None:
    lengths = {
        path.as_posix(): len((root / path).read_text(encoding="utf-8").splitlines())
        for path in modules(root)
        if not TABLES & {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
    }
    assert statistics.median(lengths.values()) <= 130
    assert [name for name, length in lengths.items() if length > 450] == []


def test_models_is_no_heap(root: Path) -> None:
    entries = [path for path in (root / "models").iterdir() if not path.name.startswith("__")]
    assert len(entries) <= 12, entries


def test_no_two_classes_share_a_name(root: Path) -> None:
    places: dict[str, list[str]] = {}
    for path in modules(root):
        for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(path.as_posix())
    several = {name: files for name, files in places.items() if len(files) > 1}
    assert several == {}


def test_no_class_stands_on_more_than_four_of_ours(root: Path) -> None:
    for name in graph(root).keys() - {"aqa.__main__"}:
        if name.startswith("aqa.serve.") and find_spec("fastapi") is None:
            continue  # an extra
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, type) and value.__module__ == name:
                ours = [one for one in value.__mro__ if one.__module__.startswith("aqa.")]
                deep = len(ours) > 5 and value.__name__ not in DEEP
                assert not deep, f"{name}.{value.__name__}: {[one.__name__ for one in ours]}"


def test_the_wheel_carries_the_versions_of_the_constraints(root: Path) -> None:
    from packaging.requirements import Requirement

    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")

    def parts(text: str) -> list[Requirement]:
        return [Requirement(line) for line in text.splitlines() if line and line[0] != "#"]

    needed = {one.name for one in parts(config["options"]["install_requires"])}
    tested = parts((root / "constraints.txt").read_text(encoding="utf-8"))
    expected = {str(one) for one in tested if one.name in needed}
    pinned = parts(config["options.extras_require"]["pinned"])
    assert {str(one) for one in pinned} == expected
    assert {one.name for one in pinned} == needed

"""The house: what is shipped, what imports what, and what starts quickly."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

# What each room may import of this project, besides the shared leaves. The flow, left to right:
# annotations -> extract -> features -> models -> evaluation; workflows join the rooms.
LEAVES = {"errors", "files", "device", "workspace", "plugins", "papers", "metrics", "__init__"}
DATA = {"annotations", "features"}
ALLOWED = {
    "annotations": {"annotations"},
    "features": {"features"},
    "extract": {"extract", *DATA},
    "models": {"models", *DATA},
    "evaluation": {"evaluation", "models", *DATA},
    "workflows": {"workflows", "evaluation", "models", "extract", *DATA},
    "report": {"report", "workflows", "evaluation", "models", *DATA},
    "testing": {"testing", "extract", "models", *DATA},
    "api": {"workflows", "evaluation", "models", "extract", *DATA},
    "commands": {"commands", "report", "workflows", "evaluation", "models", "extract", *DATA},
    "cli": {"commands"},
    "__main__": {"cli"},
    **{leaf: set() for leaf in LEAVES},
}
# Imports against the flow that are still to be mended.
UPHILL = {
    ("workflows/pipeline.py", "report"),
    ("workflows/demo/run.py", "report"),
}
# Third-party packages that only these parts may import.
KEPT_TO = {
    "h5py": {"features/store"},
    "cv2": {"extract", "workflows/demo", "report"},
    "torch": {"extract", "models", "workflows", "testing", "device.py"},
    "click": {"cli.py", "commands", "workflows/demo/train_backbone.py"},
    "matplotlib": {"report"},
}


def modules(root: Path) -> list[Path]:
    skipped = {"tests", "benchmarks", "examples", "build", ".venv"}
    found = [p.relative_to(root) for p in root.rglob("*.py")]
    return [p for p in found if p.parts[0] not in skipped and not p.parts[0].startswith(".")]


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write it from aqa down"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


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
                if (path.as_posix(), target) not in UPHILL:
                    assert target in ALLOWED[part] | LEAVES, f"{path} imports {name}"


def test_heavy_packages_stay_where_they_belong(root: Path) -> None:
    for path in modules(root):
        for name in imported(root / path):
            allowed = KEPT_TO.get(name.split(".")[0])
            if allowed is not None:
                places = {path.as_posix(), *(parent.as_posix() for parent in path.parents)}
                assert allowed & places, f"{path} imports {name}"


def test_the_root_imports_nothing(root: Path) -> None:
    assert imported(root / "__init__.py") == set()


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

"""The Dockerfiles and their locks: pinned, for no root, and of what setup.cfg and constraints say.

That the steps work is another check: `.ci/docker_steps.py` runs them in a fresh environment.
"""

from __future__ import annotations

import configparser
import importlib.util
import re
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import pytest

FILES = {"Dockerfile": "lock-cpu.txt", "Dockerfile.cuda": "lock-cuda.txt"}
files = pytest.mark.parametrize(("dockerfile", "lock"), FILES.items())


@pytest.fixture(scope="module")
def steps(root: Path) -> ModuleType:
    """The module that reads and runs Dockerfiles."""
    spec = importlib.util.spec_from_file_location("docker_steps", root / ".ci/docker_steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(requirement: str) -> str:
    return re.split(r"[\[<>=; ]", requirement, maxsplit=1)[0].lower()


def locked(path: Path) -> dict[str, str]:
    """Name -> version; each must have a SHA-256."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line[:1] not in ("#", "-")]
    found = {}
    for line in lines:
        match = re.fullmatch(r"([a-z0-9.-]+)==(\S+)\s+--hash=sha256:[0-9a-f]{64}", line)
        assert match, line
        found[match[1]] = match[2]
    assert len(found) == len(lines) > 30
    return found


@files
def test_the_images(root: Path, steps: ModuleType, dockerfile: str, lock: str) -> None:
    build, last = steps.read_stages(root / dockerfile)
    python = steps.python_of(build)
    assert last[0].text == build[0].text.removesuffix(" AS build")
    assert f"for Python {python} " in (root / lock).read_text(encoding="utf-8")
    runs = [step.text for step in build if step.name == "RUN"]
    assert any(f"--require-hashes -r {lock}" in text for text in runs)
    assert all("--no-deps" in text for text in runs if text.endswith(" ."))  # the lock is all
    users = [step.text for step in last if step.name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert [step.text for step in last if step.name == "ENTRYPOINT"] == ['["aqa"]']
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").split()
    for stage in (build, last):
        for step in stage:
            if step.name == "COPY" and not step.text.startswith("--from=build "):
                for source in steps.copied(step.text)[0]:
                    assert (root / source).exists()
                    assert not any(fnmatch(source, pattern) for pattern in ignored)


def test_what_an_installation_needs_is_not_ignored(root: Path) -> None:
    read = configparser.ConfigParser()
    read.read(root / "setup.cfg", encoding="utf-8")
    names = read["options"]["packages"].split()
    names += ["setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
    ignored = (root / ".dockerignore").read_text(encoding="utf-8").split()
    for name in names:
        parts = name.split(".")[1:] if name.startswith("aqa.") else [name]
        assert not any(fnmatch(part, pattern) for part in parts for pattern in ignored), name


@files
def test_the_locks_are_of_today(root: Path, dockerfile: str, lock: str) -> None:
    """Where this fails: run .ci/lock.py again."""
    versions = locked(root / lock)
    read = configparser.ConfigParser()
    read.read(root / "setup.cfg", encoding="utf-8")
    needed = read["options"]["install_requires"].split("\n")
    # What has a marker with < is for Pythons older than that of the images.
    wanted = {named(line) for line in needed if line and "<" not in line.partition(";")[2]}
    assert wanted <= versions.keys()
    assert "setuptools" in versions  # with which the package itself is built
    for line in (root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        pinned, _, marker = line.partition(";")
        name, _, version = pinned.strip().partition("==")
        if name.lower() in versions and "<" not in marker:
            assert versions[name.lower()].partition("+")[0] == version


def test_torch_is_that_of_the_device(root: Path) -> None:
    cpu, cuda = (locked(root / lock) for lock in FILES.values())
    assert cpu["torch"].endswith("+cpu")
    assert not any(name.startswith("nvidia-") for name in cpu)
    assert "+" not in cuda["torch"]
    assert "nvidia-cudnn-cu13" in cuda


def test_a_dockerfile_is_read(tmp_path: Path, steps: ModuleType) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(
        "# comment\nFROM python:3.11.14-slim AS build\nRUN a \\\n    && b\nCOPY x y ./\n"
        "\nFROM python:3.11.14-slim\nUSER aqa\n"
    )
    build, last = steps.read_stages(path)
    assert build[1:] == [("RUN", "a && b"), ("COPY", "x y ./")]
    assert steps.copied("x y ./") == (["x", "y"], "./")
    assert steps.python_of(build) == "3.11"
    assert last[1] == ("USER", "aqa")
    with pytest.raises(SystemExit, match="no image python:X"):
        steps.python_of([steps.Step("FROM", "python:latest")])

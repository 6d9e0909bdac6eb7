#!/usr/bin/env python3
"""Does what a Dockerfile's first stage does, without Docker: its RUN lines, in fresh folders.

    python .ci/docker_steps.py Dockerfile

Needs the Python of the base image; `main` says so, and exits with 3, where it is not here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Step(NamedTuple):
    """An instruction, such as `RUN`, and what follows it."""

    name: str
    text: str


def read_stages(path: Path) -> list[list[Step]]:
    """The instructions of each stage of a Dockerfile; the first of each is its FROM."""
    stages: list[list[Step]] = []
    lines = re.sub(r"\\\n\s*", "", path.read_text(encoding="utf-8")).splitlines()
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, text = line.strip().partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append(Step(name, text.strip()))
    return stages


def copied(text: str) -> tuple[list[str], str]:
    """Sources and target of a COPY without --from."""
    *sources, target = text.split()
    return sources, target


def python_of(stage: list[Step]) -> str:
    """Major and minor version of the base image's Python: `3.11`."""
    found = re.match(r"python:(\d+\.\d+)\.\d+-", stage[0].text)
    if found is None:
        raise SystemExit(f"{stage[0].text}: no image python:X.Y.Z-...")
    return found[1]


def run_stage(stage: list[Step], python: str, folder: Path) -> None:
    """Run a stage's steps; its folders /src and /opt lie in `folder`."""
    source = folder / "src"
    source.mkdir()
    (folder / "opt").mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(python)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    for step in stage[1:]:
        started = time.monotonic()
        if step.name == "COPY":
            for one in copied(step.text)[0]:
                _copy(one, source)
        elif step.name == "RUN":
            command = step.text.replace("/opt/", f"{folder}/opt/")
            environment = {**os.environ, "PATH": path}
            subprocess.run(["sh", "-ec", command], cwd=source, env=environment, check=True)
        elif step.name != "WORKDIR":
            raise SystemExit(f"{step.name}: not known here")
        print(f"{step.name} {step.text}: {time.monotonic() - started:.0f} s", flush=True)


def _copy(source: str, target: Path) -> None:
    if source != ".":
        shutil.copy2(ROOT / source, target / source)
        return
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    names = [name.removeprefix("**/") for name in ignored]
    shutil.copytree(
        ROOT, target, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(*names)
    )


def main() -> int:
    """Run the first stage of the Dockerfile that is named."""
    stage = read_stages(ROOT / sys.argv[1])[0]
    version = python_of(stage)
    python = shutil.which(f"python{version}")
    if python is None:
        print(f"{sys.argv[1]} wants Python {version}, which is not here")
        return 3
    with tempfile.TemporaryDirectory() as folder:
        run_stage(stage, python, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

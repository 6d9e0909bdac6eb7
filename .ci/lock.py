#!/usr/bin/env python3
"""Writes lock-cpu.txt and lock-cuda.txt: every package that an installation takes, with its hash.

Run it with the Python of the Dockerfiles, in a virtual environment, whenever setup.cfg or
constraints.txt has changed:

    python3.11 -m venv build/lock && build/lock/bin/python .ci/lock.py

Nothing is installed. Versions are those of constraints.txt; what that does not name is the newest.
Hashes are of PyPI's files for Linux on x86-64, and of PyTorch's own index for the torch without
CUDA, which must be reachable, or that wheel in a folder that PIP_FIND_LINKS names.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OURS = "aqa-toolkit"
HEAD = """\
# {what}, for Python {python} on Linux, x86-64.
# Written by .ci/lock.py from setup.cfg and constraints.txt; do not edit it.
#     pip install --require-hashes -r {name} && pip install --no-deps --no-build-isolation .
"""


def resolved(*arguments: str, **environment: str) -> dict[str, tuple[str, str]]:
    """Name -> version and SHA-256 of what pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--quiet", "--only-binary", ":all:", "--report", str(report)]
        command += ["-c", "constraints.txt", ".", "setuptools", "wheel", *arguments]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=True)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    found = {}
    for one in installed:
        about = one["metadata"]
        if about["name"] != OURS:
            digest = one["download_info"]["archive_info"]["hashes"]["sha256"]
            found[about["name"].lower().replace("_", "-")] = about["version"], digest
    return found


def lock(name: str, what: str, packages: dict[str, tuple[str, str]], *options: str) -> None:
    """Write a lock file. options: lines for pip that come first."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = [HEAD.format(what=what, python=python, name=name).rstrip(), *options]
    for package, (version, digest) in sorted(packages.items()):
        lines.append(f"{package}=={version} \\\n    --hash=sha256:{digest}")
    (ROOT / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{name}: {len(packages)} packages")


def main() -> None:
    """Resolve both, and write them."""
    cuda = resolved(PIP_CONFIG_FILE=os.devnull, PIP_FIND_LINKS="", PIP_EXTRA_INDEX_URL="")
    lock("lock-cuda.txt", "Everything that aqa needs, with torch for CUDA", cuda)
    torch = f"torch=={cuda['torch'][0].partition('+')[0]}+cpu"
    cpu = resolved(torch, PIP_EXTRA_INDEX_URL=CPU_INDEX, PIP_RETRIES="0")
    # Whatever both take is PyPI's file.
    common = {name: cuda[name] for name in cpu if name in cuda and name != "torch"}
    lock(
        "lock-cpu.txt",
        "Everything that aqa needs, with torch without CUDA",
        {**cpu, **common},
        f"--extra-index-url {CPU_INDEX}",
    )


if __name__ == "__main__":
    main()

"""Whether pip finds all packages for the Python versions that are not here; it installs nothing.

    python .ci/resolve.py 3.10 3.12 3.13 3.14

reads the packages and extras of setup.cfg and the versions of constraints.txt. pip reads markers
such as `python_version < "3.11"` for the Python that it runs in, so they are resolved here. It
fetches what it resolves: PyTorch's libraries for GPUs are gigabytes, and are left out without
`--large`.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

# Their wheels, and those that they need, are large.
LARGE = {"torch", "ray", "playwright"}
ROOT = Path(__file__).resolve().parents[1]
PLATFORMS = ("any", "manylinux2014_x86_64", *(f"manylinux_2_{k}_x86_64" for k in range(17, 35)))


def wanted(lines: str, version: str, without: Iterable[str] = ()) -> list[str]:
    """The requirements among lines that hold for a Python version, without their markers."""
    found = []
    for line in lines.splitlines():
        text = line.split("#")[0].strip()
        if not text:
            continue
        requirement = Requirement(text)
        here = {"python_version": version, "python_full_version": f"{version}.0"}
        holds = requirement.marker is None or requirement.marker.evaluate(here)
        if holds and requirement.name not in without:
            requirement.marker = None
            found.append(str(requirement))
    return found


def requirements(version: str, without: Iterable[str]) -> list[str]:
    """Of the package and of all its extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    parts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    return [one for part in parts for one in wanted(part, version, without)]


def resolve(version: str, without: Iterable[str]) -> str:
    """What pip says is wrong; empty where it finds all packages."""
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "constraints.txt"
        text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
        pins.write_text("\n".join(wanted(text, version)), encoding="utf-8")
        platforms = [word for name in PLATFORMS for word in ("--platform", name)]
        command = [
            *(sys.executable, "-m", "pip", "install", "--dry-run"),
            *("--ignore-installed", "--only-binary=:all:", "--python-version", version),
            *(*platforms, "--implementation", "cp", "--target", folder, "-c", str(pins)),
            *requirements(version, without),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("WARNING")]
    return "\n".join([*lines, done.stdout[-2000:]]) if done.returncode else ""


if __name__ == "__main__":
    left_out = () if "--large" in sys.argv else LARGE
    versions = [word for word in sys.argv[1:] if word != "--large"]
    wrong = {version: resolve(version, left_out) for version in versions}
    for version, said in wrong.items():
        print(f"Python {version}: {said or 'all packages are found'}")
    sys.exit(any(wrong.values()))

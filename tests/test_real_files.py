"""examples/real_files.sh: every folder of real files as far as its files go, nothing but `aqa`."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 900  # it takes two minutes on two cores that nobody else uses


@pytest.fixture(scope="module")
def out(root: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the script leaves behind."""
    if os.name == "nt":
        pytest.skip("a script of bash")
    place = tmp_path_factory.mktemp("real")
    command = place / "bin" / "aqa"  # the package that is tested, whatever is installed
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m aqa "$@"\n')
    command.chmod(0o755)
    paths = os.pathsep.join([str(root.parent), os.environ.get("PYTHONPATH", "")])
    path = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", str(root / "examples/real_files.sh"), str(shared / "data"), str(place / "out")],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, "PATH": path, "PYTHONPATH": paths},
        cwd=place,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return place / "out"


def test_it_holds_commands_of_aqa_alone(root: Path) -> None:
    lines = (root / "examples/real_files.sh").read_text().replace("\\\n", " ").splitlines()
    body = lines[lines.index("within unlv-dive-p3d") :]
    commands = [line.split()[0] for line in body if line and not line.startswith("#")]
    assert set(commands) == {"aqa", "within"}


def test_every_folder_is_taken(root: Path, shared: Path) -> None:
    text = (root / "examples/real_files.sh").read_text()
    folders = {path.name for path in (shared / "data").iterdir() if path.is_dir()}
    assert folders == set(re.findall(r'"\$data/([\w-]+)', text))


def results(folder: Path, name: str = "eval") -> list[dict]:
    """Of every kind, but for how often ranges hold."""
    found = json.loads((folder / f"runs/{name}.json").read_text())["results"]
    return [one for one in found if one["kind"] != "coverage"]


def test_features_and_joints_give_results_of_their_own(out: Path) -> None:
    (dives,) = (one for one in results(out / "unlv-dive-p3d") if one["head"] == "svr")
    assert dives["n"] == 70
    assert dives["spearman"] == pytest.approx(0.806, abs=0.01)
    for name, videos in (("pose-openpose", 23), ("ui-prmd", 10)):
        rows = [one for one in results(out / name) if one["head"] == "pose-dct"]
        assert sum(one["n"] for one in rows) == videos
        assert not any("made_up" in one for one in rows)
    assert (out / "kimore/stores/pose.h5").exists()


@pytest.mark.parametrize(
    ("name", "tested"),
    [
        ("mtl-aqa", 353),
        ("mtl-aqa-variants", 353),
        ("mtl-aqa-release", 317),
        ("aqa-7", 303),
        ("fis-v", 100),
        ("rhythmic-gymnastics", 50),
    ],
)
def test_labels_alone_give_marked_results(out: Path, name: str, tested: int) -> None:
    file = "eval-by-action" if name == "aqa-7" else "eval"
    rows = [one for one in results(out / name, file) if not one["head"].startswith("baseline-")]
    assert rows
    assert all(one["made_up"] == "random numbers, seed 0" for one in rows)
    assert rows[0]["n"] == tested


def test_the_split_of_the_lists_is_the_published_one(out: Path) -> None:
    with (out / "unlv-dive-p3d/manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(row["split_lists"] == row["split_published"] for row in rows)

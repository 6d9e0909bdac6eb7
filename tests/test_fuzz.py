"""No file that aqa reads ends in a traceback, a crash, or much time or memory; see `fuzzing.py`."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzzing.py")
SEED = 13
# Family -> how many of its files are damaged; 2,750 together.
COUNTS = {
    "manifests": 250,
    "runs": 400,
    "new_videos": 150,
    "stores": 300,
    "arrays": 250,
    "checkpoints": 200,
    "poses": 200,
    "sources": 250,
    "videos": 150,
    "joints": 250,
    "measurements": 200,
    "labels": 150,
}


def tried(family: str) -> tuple[str, int, list[str]]:
    """What came of a family: an account of a process that ended badly, how many, and failures."""
    command = [sys.executable, str(SCRIPT), family, str(COUNTS[family]), str(SEED)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    except subprocess.TimeoutExpired as error:
        return f"{family} did not end: {str(error.stderr)[-300:]}", 0, []
    if done.returncode:
        return f"{family}: exit code {done.returncode}: {done.stderr[-2000:]}", 0, []
    *failures, summary = done.stdout.splitlines()
    return "", json.loads(summary)["tried"], failures


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[str, int, list[str]]]:
    """Two families at a time, the long ones first."""
    order = sorted(COUNTS, key=lambda family: -COUNTS[family])
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(order, pool.map(tried, order), strict=True))


@pytest.mark.parametrize("family", COUNTS)
def test_a_damaged_file_is_refused_in_one_line(
    family: str, outcomes: dict[str, tuple[str, int, list[str]]]
) -> None:
    crash, n, failures = outcomes[family]
    assert not crash
    assert n == COUNTS[family]
    shown = "\n".join(json.loads(one)["file"] + ": " + json.loads(one)["why"] for one in failures)
    assert not failures, f"{len(failures)} of {n}:\n{shown[-6000:]}"


def test_there_are_enough() -> None:
    assert sum(COUNTS.values()) >= 2700

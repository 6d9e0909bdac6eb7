"""Fits side by side: the same runs as one after the other, errors and interrupts as there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import write_manifest
from aqa.cli import main
from aqa.features.store import import_arrays

# A head whose fit on the split with the video `v0` in its training part ends in a bad way.
HEAD = """
import os, signal, sys
from aqa.models.heads import get_head

Svr = get_head("svr")

class HEAD(Svr):
    def fit_examples(self, train, validation=None, **options):
        if "v0" in train.ids and "WAY" != "none":
            os.kill(os.getpid() if "WAY" == "SIGKILL" else os.getppid(), signal.WAY)
            signal.pause()
        return super().fit_examples(train, validation, **options)
"""


@pytest.fixture
def workspace(tmp_path: Path, rng: np.random.Generator) -> Path:
    ids = [f"v{i}" for i in range(24)]
    arrays = {i: rng.normal(size=(2, 8)).astype(np.float32) for i in ids}
    import_arrays(tmp_path / "stores" / "s.h5", arrays, source="imported:here")
    rows = [
        {
            "video_id": video_id,
            "path": "",
            "score": float(arrays[video_id].sum()),
            **{f"split_{k}": "test" if n % 3 == k - 1 else "train" for k in (1, 2, 3)},
        }
        for n, video_id in enumerate(ids)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def aqa(workspace: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["-C", str(workspace), *arguments], prog_name="aqa")
    assert result.exit_code == code, result.output
    return result


def contents(folder: Path) -> dict[str, Any]:
    """The bytes of a run's files; of its record all but when it was made, and how long it took."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folder.iterdir()}
    record = json.loads(found["run.json"])
    return {**found, "run.json": {k: v for k, v in record.items() if k not in _OF_A_DAY}}


_OF_A_DAY = ("seconds", "seconds_in_all", "created")


def test_runs_are_the_same_and_come_in_their_order(workspace: Path) -> None:
    here = aqa(workspace, "fit", "--head", "svr")
    beside = aqa(workspace, "fit", "--head", "svr", "--runs", str(workspace / "two"), "--jobs", "2")
    lines = [text.partition(":")[0].rpartition("/")[2] for text in beside.stdout.splitlines()]
    assert lines == ["split-1", "split-2", "split-3"]
    assert len(here.stdout.splitlines()) == 3
    for name in lines:
        one, two = (workspace / runs / "svr" / name for runs in ("runs", "two"))
        assert contents(one).keys() == contents(two).keys()
        for file, content in contents(one).items():
            assert content == contents(two)[file], file


def test_bad_input_is_one_line_as_ever(workspace: Path) -> None:
    for value, problem in (("x", "C='x' is not a number"), ("-1", "C=-1.0 is not a number, above")):
        said = [
            aqa(workspace, "fit", "--head", "svr", "-p", f"C={value}", *jobs, code=2).output
            for jobs in ((), ("--jobs", "2"))
        ]
        assert said[0] == said[1]
        assert f"Error: {problem}" in said[0]


def test_a_process_that_is_killed_is_told_and_the_other_runs_stay(workspace: Path) -> None:
    head = workspace / "bad.py"
    head.write_text(HEAD.replace("WAY", "SIGKILL"))
    result = aqa(workspace, "fit", "--head", str(head), "--jobs", "2", "--no-ranges", code=1)
    assert "on split 2 of" in result.output or "on split 3 of" in result.output
    assert "the process that fitted it is gone: it was killed by SIGKILL" in result.output


def test_an_interrupt_ends_all_processes_without_a_traceback(workspace: Path) -> None:
    head = workspace / "bad.py"
    head.write_text(HEAD.replace("WAY", "SIGINT"))
    code = (
        "import signal\nfrom aqa.cli import main\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"main(['fit', '--head', {str(head)!r}, '--jobs', '2'], prog_name='aqa')"
    )
    ended = subprocess.run(  # which waits until all processes have let go of its pipes
        [sys.executable, "-c", code],
        cwd=workspace,
        capture_output=True,
        text=True,
        env=os.environ,
        timeout=120,
    )
    assert ended.returncode == 130, ended.stderr
    assert "interrupted; what was finished is kept" in ended.stderr
    assert "Traceback" not in ended.stderr

"""How commands end from outside: at signals, on a full disk, at a second writer's hands."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest

N = 24


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("f.npy", rng.normal(size=(N, 4, 4000)).astype(np.float32))
    Path("ids.txt").write_text("\n".join(f"v{i}" for i in range(N)))
    rows = [
        {"video_id": f"v{i}", "path": "", "score": i, "split_1": "test" if i % 4 else "train"}
        for i in range(N)
    ]
    write_manifest("manifest.csv", rows)
    return tmp_path


def run_python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,  # type: ignore[call-overload]
    )


_SIGNAL = """
import os, signal, sys
from pathlib import Path
from aqa import files
from aqa.cli import main
sync = files.sync
def interrupted(path):
    os.kill(os.getpid(), signal.{name})
    sync(path)
files.sync = interrupted
main(["store", "import", "f.npy", "--ids", "ids.txt"] if {store} else
     ["split", "random", "--test", "5"], prog_name="aqa")
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_ends_a_command_in_one_line_and_cleans_up(
    workspace: Path, name: str, code: int
) -> None:
    before = (workspace / "manifest.csv").read_bytes()
    process = run_python(_SIGNAL.format(name=name, store=False))
    assert process.returncode == code
    assert process.stderr == "interrupted; what was finished is kept; give the command again\n"
    assert (workspace / "manifest.csv").read_bytes() == before
    assert not list(workspace.rglob(".*.tmp"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plot", "coverage", ".", "-o", "x.gif"], "x.gif: pictures are written as PNG"),
        (["fragments", "--picture", "c.jpg"], "c.jpg: pictures are written as PNG"),
        (["transfer", "--action", "a", "--picture", "c"], "c: pictures are written as PNG"),
        (["report", "runs/svr", "-o", "p.txt"], "p.txt: the page of runs is one file"),
        (["eval", "--report", "p.txt"], "p.txt: the page of runs is one file"),
        (["store", "export", "stores/f.h5", "f.txt"], "f.txt: export to .npz"),
        (["report", "runs/none"], "unknown run or video 'runs/none'; known: runs/svr"),
        (["report", "runs/svr/split-9"], "known: runs/svr/split-1"),
    ],
)
def test_a_wrong_ending_or_name_is_wrong_usage(
    workspace: Path, run_aqa: Callable[..., Result], arguments: list[str], expected: str
) -> None:
    run_aqa("store", "import", "f.npy", "--ids", "ids.txt")
    (workspace / "runs/svr/split-1").mkdir(parents=True)
    (workspace / "runs/svr/split-1/run.json").write_text("{}")
    before = sorted(workspace.rglob("*"))
    assert expected in run_aqa(*arguments, code=2).stderr
    assert sorted(workspace.rglob("*")) == before


def test_nohup_is_respected(workspace: Path) -> None:
    process = run_python(
        _SIGNAL.format(name="SIGHUP", store=False),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.returncode == 0, process.stderr


def test_the_caller_of_a_command_keeps_its_own_signals(run_aqa: Callable[..., Result]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    run_aqa("heads")
    assert signal.getsignal(signal.SIGTERM) == before


# Files may grow to so many bytes, which ends writing as a full disk does.
_FULL = """
import resource, sys
from aqa.cli import main
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, hard))
main({arguments}, prog_name="aqa")
"""


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (["fit", "--head", "svr"], 2000),
        (["fit", "--head", "wd", "-p", "epochs=1", "-p", "device=cpu"], 20000),
        (["split", "random", "--test", "5"], 100),
        (["store", "export", "stores/f.h5", "out.npz"], 100000),
        (["store", "export", "stores/f.h5", "out.npy"], 100000),
        (["eval"], 200),
        (["store", "import", "f.npy", "--ids", "ids.txt", "--store", "stores/g.h5"], 100000),
    ],
)
def test_a_full_disk_is_one_line(
    workspace: Path, run_aqa: Callable[..., Result], arguments: list[str], size: int
) -> None:
    run_aqa("store", "import", "f.npy", "--ids", "ids.txt")
    run_aqa("fit", "--head", "svr")
    before = {p: p.read_bytes() for p in workspace.rglob("*") if p.is_file()}
    process = run_python(_FULL.format(arguments=arguments, size=size))
    assert process.returncode == 1, process.stderr
    assert process.stderr.startswith("Error: ")
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert {p: p.read_bytes() for p in before} == before
    assert not list(workspace.rglob(".*.tmp"))


def test_colleagues_can_read_a_run(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    before = os.umask(0o027)
    try:
        run_aqa("store", "import", "f.npy", "--ids", "ids.txt")
        run_aqa("fit", "--head", "svr")
    finally:
        os.umask(before)
    run = workspace / "runs/svr/split-1"
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in run.iterdir()}
    assert set(modes.values()) == {0o640}
    assert stat.S_IMODE(run.stat().st_mode) == 0o750


_DIE = """
import os, sys
from aqa import files
from aqa.cli import main
exchange = files._exchange_folders
def die(*names):
    if {after}:
        exchange(*names)
    os._exit(9)
files._exchange_folders = die
main(["fit", "--head", "svr", "-p", "C=3"], prog_name="aqa")
"""


@pytest.mark.parametrize("after", [False, True])
def test_a_killed_fit_leaves_the_run_before_or_the_whole_new_one(
    workspace: Path, run_aqa: Callable[..., Result], after: bool
) -> None:
    run_aqa("store", "import", "f.npy", "--ids", "ids.txt")
    run_aqa("fit", "--head", "svr")
    run_aqa("eval")
    run = workspace / "runs/svr/split-1"
    (run / "notes.txt").write_text("mine")
    files = {p.name: p.read_bytes() for p in run.iterdir()}
    assert run_python(_DIE.format(after=after)).returncode == 9
    if after:
        assert json.loads((run / "run.json").read_text())["params"]["C"] == 3
        assert "test" not in json.loads((run / "metrics.json").read_text())
        assert {p.name for p in run.iterdir()} == set(files)
        assert (run / "notes.txt").read_text() == "mine"
    else:
        assert {p.name: p.read_bytes() for p in run.iterdir()} == files
    run_aqa("fit", "--head", "svr", "-p", "C=3")
    run_aqa("eval")
    assert [p.name for p in run.parent.iterdir()] == ["split-1"]


def test_an_interrupted_import_of_a_dataset_can_be_given_again(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    table = "name,points\n" + "".join(f"w{i},{i}\n" for i in range(9))
    Path("jumps.csv").write_text(table)
    columns = ("--column", "video_id=name", "--column", "score=points")
    command = ("import", "csv", "jumps.csv", *columns, "--manifest", "new.csv")
    code = (
        "import os, sys\nfrom aqa import files\nfrom aqa.cli import main\n"
        f"files._put_new = lambda *names: os._exit(9)\nmain({command!r})\n"
    )
    assert run_python(code).returncode == 9
    assert not Path("new.csv").exists()
    run_aqa(*command)
    run_aqa(*command, code=1)

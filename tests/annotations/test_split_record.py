"""Writing drawn splits: several processes at once, and after a kill at any step."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.split_protocols import DrawnSplits, make_splits
from aqa.annotations.split_record import record_path, write_splits
from aqa.errors import AqaError

_WRITE = """
import os, sys
from pathlib import Path
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_protocols import make_splits
from aqa.annotations.split_record import write_splits
path, last, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
done = 0
def count(function):
    def counted(*arguments, **options):
        global done
        if done == last:
            os._exit(9)
        done += 1
        return function(*arguments, **options)
    return counted
os.replace, os.unlink = count(os.replace), count(os.unlink)
for name in names:
    table = Manifest.read(path)
    write_splits(path, make_splits(table, "random", {"n": 2}, base=name, seed=1), force=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [{"video_id": f"v{i}", "path": "", "score": i} for i in range(30)]
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path / "manifest.csv"


def start(path: Path, *names: str, last: int = -1) -> subprocess.Popen[bytes]:
    """Write splits of these names in a process of its own, which dies before step `last`."""
    return subprocess.Popen([sys.executable, "-c", _WRITE, path, str(last), *names])


def draw(path: Path, n: int = 2) -> DrawnSplits:
    return make_splits(Manifest.read(path), "random", {"n": n}, base="mine", seed=1)


def test_no_column_and_no_record_of_two_processes_is_lost(path: Path) -> None:
    names = [[f"{who}{i}" for i in range(8)] for who in "ab"]
    processes = [start(path, *mine) for mine in names]
    assert [process.wait(timeout=120) for process in processes] == [0, 0]
    both = [name for mine in names for name in mine]
    assert sorted(Manifest.read(path).split_names) == sorted(f"{n}-{k}" for n in both for k in "12")
    assert sorted(json.loads(record_path(path).read_text())) == sorted(both)


@pytest.mark.parametrize("replaced", [False, True])
def test_after_a_kill_at_any_step_the_same_command_ends_the_same(
    path: Path, replaced: bool
) -> None:
    if replaced:  # an earlier draw of more splits, whose columns go
        write_splits(path, draw(path, n=4))
    before = {p.name: p.read_bytes() for p in path.parent.iterdir()}
    drawn = draw(path)
    write_splits(path, drawn, force=replaced)
    wanted = path.read_bytes(), record_path(path).read_bytes()
    for last in range(20):
        for old in path.parent.iterdir():
            old.unlink()
        for name, data in before.items():
            (path.parent / name).write_bytes(data)
        code = start(path, "mine", last=last).wait(timeout=120)
        assert Manifest.read(path).split_names in (
            ("mine-1", "mine-2"),
            *([("mine-1", "mine-2", "mine-3", "mine-4")] if replaced else [()]),
        )
        if code == 0:
            break
        write_splits(path, drawn, force=replaced)  # as the user gives it again
        assert (path.read_bytes(), record_path(path).read_bytes()) == wanted, last
        assert [p.name for p in path.parent.iterdir() if "unfinished" in p.name] == []
    assert last >= 3


def test_another_split_finishes_the_record_of_a_killed_one(path: Path) -> None:
    write_splits(path, draw(path))
    record = record_path(path).read_bytes()
    table = Manifest.read(path)
    made = make_splits(table, "random", {"n": 1}, base="more")
    # Before the third file gets its name: the note and the manifest have theirs.
    assert start(path, "killed", last=4).wait(timeout=120) == 9
    assert record_path(path).read_bytes() == record
    write_splits(path, made)
    assert list(json.loads(record_path(path).read_text())) == ["mine", "killed", "more"]


def test_a_note_of_what_was_changed_by_hand_since_is_dropped(path: Path) -> None:
    before = path.read_bytes()
    assert start(path, "mine", last=4).wait(timeout=120) == 9
    path.write_bytes(before)
    write_splits(path, draw(path, n=1))
    assert Manifest.read(path).split_names == ("mine",)
    (path.parent / ".manifest.splits.json.unfinished").write_text('{"columns": 3')
    with pytest.raises(AqaError, match="has a column split_mine already"):
        write_splits(path, draw(path, n=1))


def test_the_manifest_behind_a_link_is_changed_and_keeps_its_mode(path: Path) -> None:
    path.chmod(0o640)
    (path.parent / "here").mkdir()
    link = path.parent / "here/manifest.csv"
    link.symlink_to(path)
    write_splits(link, draw(link))
    assert link.is_symlink()
    assert Manifest.read(path).split_names == ("mine-1", "mine-2")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

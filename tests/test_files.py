"""How files are written: in one step, by one process at a time, whatever happens in between."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
import safetensors.numpy

from aqa import files, temporaries
from aqa.errors import AqaError
from aqa.files import (
    WriteError,
    changing,
    lock_of,
    real_path,
    recover_folders,
    replacing,
    replacing_folder,
    taken_lock,
    write_json,
    write_rows,
    write_text,
)
from aqa.temporaries import clean, clean_folder, temporary_name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill_and_fail(path: Path) -> None:
    path.write_text("half")
    raise KeyError(path)


def run_python(code: str, *arguments: object) -> int:
    """Run code in a process of its own; its exit code."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=False, timeout=120).returncode


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old\r\n")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_bytes() == b"old\r\n"
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyError), replacing(tmp_path / "a.txt") as temporary:
        fill_and_fail(temporary)
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with replacing_folder(tmp_path / "run") as temporary:
            (temporary / name).touch()
    assert names(tmp_path / "run") == ["two"]
    with pytest.raises(KeyError), replacing_folder(tmp_path / "run") as temporary:
        fill_and_fail(temporary / "three")
    assert names(tmp_path / "run") == ["two"]
    assert names(tmp_path) == ["run"]


def test_rows_take_all_columns_in_the_order_they_appear(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"b": 1}, {"b": 2, "a": "x,y"}])
    assert (tmp_path / "a.csv").read_bytes() == b'b,a\n1,\n2,"x,y"\n'
    write_json(tmp_path / "a.json", {"é": None})
    assert (tmp_path / "a.json").read_bytes() == b'{\n "\\u00e9": null\n}\n'


def test_one_process_holds_a_lock(tmp_path: Path) -> None:
    with lock_of(tmp_path / "s.h5"), pytest.raises(filelock.Timeout):
        lock_of(tmp_path / "s.h5").acquire(timeout=0)


class TestLinks:
    def test_the_file_behind_a_link_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "far").mkdir()
        link = tmp_path / "a.txt"
        link.symlink_to("far/b.txt")
        for text in ("new", "newer"):  # the first time nothing is behind it
            with replacing(link) as temporary:
                assert temporary.parent == tmp_path / "far"
                temporary.write_text(text)
            assert link.is_symlink()
            assert (tmp_path / "far/b.txt").read_text() == text
        assert names(tmp_path / "far") == ["b.txt"]

    def test_the_folder_behind_a_link_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "far/run").mkdir(parents=True)
        link = tmp_path / "run"
        link.symlink_to("far/run")
        with replacing_folder(link) as temporary:
            (temporary / "new").touch()
        assert link.is_symlink()
        assert names(tmp_path / "far/run") == ["new"]
        assert names(tmp_path / "far") == ["run"]

    def test_all_names_of_a_file_have_one_lock(self, tmp_path: Path) -> None:
        (tmp_path / "far").mkdir()
        (tmp_path / "s.h5").symlink_to("far/s.h5")
        with lock_of(tmp_path / "s.h5"), pytest.raises(filelock.Timeout):
            lock_of(tmp_path / "far/s.h5").acquire(timeout=0)

    def test_links_to_nowhere_are_errors(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(WriteError, match="leads back to itself"):
            write_text(tmp_path / "a", "x")
        # Such as a disk that is not mounted: nothing is made in its place.
        (tmp_path / "c").symlink_to("disk/c.txt")
        with pytest.raises(WriteError, match="whose folder is not there"):
            write_text(tmp_path / "c", "x")
        assert names(tmp_path) == ["a", "b", "c"]


class TestModes:
    def test_they_follow_the_umask(self, tmp_path: Path, umask: Callable[[int], int]) -> None:
        arrays = {"x": np.ones(3)}
        for mask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
            umask(mask)
            path = tmp_path / f"{mask}.safetensors"
            with replacing(path) as temporary:
                safetensors.numpy.save_file(arrays, temporary)
                temporary.chmod(0o600)  # as libraries do that write to a file of their own
            assert stat.S_IMODE(path.stat().st_mode) == mode
            with replacing_folder(tmp_path / f"run-{mask}"):
                pass
            folder = (tmp_path / f"run-{mask}").stat()
            assert stat.S_IMODE(folder.st_mode) == 0o777 & ~mask

    def test_a_file_that_is_changed_keeps_its_own(
        self, tmp_path: Path, umask: Callable[[int], int]
    ) -> None:
        path = tmp_path / "a"
        path.touch()
        path.chmod(0o660)
        with replacing(path, keep_mode=True) as temporary:
            temporary.write_text("x")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660

    def test_what_nobody_may_write_is_not_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        path.write_text("old")
        path.chmod(0o444)
        with pytest.raises(WriteError, match="a: it is read-only"):
            write_text(path, "new")
        assert path.read_text() == "old"


class TestNew:
    def test_a_file_that_is_there_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a"
        write_text(path, "first", new=True)
        with pytest.raises(WriteError, match="a: it exists already"):
            write_text(path, "second", new=True)
        assert path.read_text() == "first"

    @pytest.mark.parametrize("supported", [True, False])
    def test_also_one_that_comes_while_it_is_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supported: bool
    ) -> None:
        if not supported:
            monkeypatch.setattr(files, "_rename_with", lambda *names: False)
        path = tmp_path / "a"
        with pytest.raises(WriteError, match="exists"), replacing(path, new=True):
            path.write_text("winner")
        assert path.read_text() == "winner"
        assert [name for name in names(tmp_path) if name.endswith(".tmp")] == []


class TestLeftovers:
    def name_of(self, path: Path, pid: int, host: str | None = None) -> Path:
        own = temporary_name(path).name.split(f".{os.getpid()}.")
        head = own[0] if host is None else f".{path.name}.{host}"
        return path.with_name(f"{head}.{pid}.{own[1]}")

    def test_no_two_temporary_names_are_alike(self, tmp_path: Path) -> None:
        assert len({temporary_name(tmp_path / "a") for _ in range(100)}) == 100

    def test_those_of_dead_processes_go_with_the_next_write(
        self, tmp_path: Path, a_dead_process: int
    ) -> None:
        path = tmp_path / "a[1].txt"
        self.name_of(path, a_dead_process).write_text("half")
        self.name_of(path, a_dead_process).mkdir()
        living = self.name_of(path, os.getppid())
        elsewhere = self.name_of(path, a_dead_process, host="elsewhere-1")
        other = self.name_of(tmp_path / "a[1].txt.b", a_dead_process)
        for kept in (living, elsewhere, other):
            kept.touch()
        write_text(path, "x")
        assert names(tmp_path) == sorted(p.name for p in (path, living, elsewhere, other))

    def test_those_of_other_machines_go_after_a_day(self, tmp_path: Path) -> None:
        old = self.name_of(tmp_path / "a", 7, host="elsewhere-1")
        earlier = tmp_path / ".a.123.tmp"  # as named by versions before
        for path in (old, earlier):
            path.touch()
            os.utime(path, (time.time() - temporaries.UNTOUCHED - 60,) * 2)
        fresh = self.name_of(tmp_path / "a", 7, host="elsewhere-1")
        fresh.touch()
        clean(tmp_path / "a")
        assert names(tmp_path) == [fresh.name]

    def test_a_folder_is_cleaned_of_all(self, tmp_path: Path, a_dead_process: int) -> None:
        for name in ("a", "b.c"):
            self.name_of(tmp_path / name, a_dead_process).touch()
        (tmp_path / ".mine.tmp").touch()
        clean_folder(tmp_path)
        assert names(tmp_path) == [".mine.tmp"]

    def test_also_those_of_temporary_files(self, tmp_path: Path, a_dead_process: int) -> None:
        # As a store is made that is published when it is whole.
        twice = temporary_name(temporary_name(tmp_path / "a"))
        twice.with_name(twice.name.replace(f".{os.getpid()}.", f".{a_dead_process}.")).touch()
        write_text(tmp_path / "a", "x")
        assert names(tmp_path) == ["a"]

    def test_names_as_long_as_can_be_are_written(self, tmp_path: Path) -> None:
        path = tmp_path / ("x" * 251 + ".csv")
        with changing(path):
            write_text(path, "x")
        assert path.read_text() == "x"

    def test_after_a_kill_while_writing(self, tmp_path: Path) -> None:
        code = (
            "import os, sys; from pathlib import Path; from aqa.files import replacing\n"
            "with replacing(Path(sys.argv[1])) as t: t.write_text('half'); os._exit(9)\n"
        )
        write_text(tmp_path / "a", "old")
        assert run_python(code, tmp_path / "a") == 9
        assert (tmp_path / "a").read_text() == "old"
        assert len(names(tmp_path)) == 2
        write_text(tmp_path / "a", "new")
        assert names(tmp_path) == ["a"]


_ADD_ONE = """
import sys
from pathlib import Path
from aqa.files import changing, write_text
path = Path(sys.argv[1])
for _ in range(40):
    with changing(path):
        write_text(path, str(int(path.read_text()) + 1))
"""


class TestChanging:
    def test_no_change_of_two_processes_is_lost(self, tmp_path: Path) -> None:
        path = tmp_path / "count"
        path.write_text("0")
        command = [sys.executable, "-c", _ADD_ONE, path]
        processes = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        assert path.read_text() == "80"

    def test_a_lock_is_not_waited_for_without_end(self, tmp_path: Path) -> None:
        with (
            lock_of(tmp_path / "a"),
            pytest.raises(WriteError, match="a: another process is changing it"),
            changing(tmp_path / "a", wait=0.1),
        ):
            pass


_EXCHANGE_AND_DIE = """
import os, sys
from pathlib import Path
from aqa import files
if sys.argv[2] == "unsupported":
    files._rename_with = lambda *names: False
last = int(sys.argv[3])
done = 0
def count(function):
    def counted(*arguments, **options):
        global done
        if done == last:
            os._exit(9)
        done += 1
        return function(*arguments, **options)
    return counted
os.rename, os.unlink, os.rmdir = count(os.rename), count(os.unlink), count(os.rmdir)
files._rename_with = count(files._rename_with)
with files.replacing_folder(Path(sys.argv[1])) as folder:
    (folder / "new").touch()
"""


class TestFolders:
    @pytest.mark.parametrize("system", ["supported", "unsupported"])
    def test_a_kill_at_any_step_leaves_the_old_or_the_new(
        self, tmp_path: Path, system: str
    ) -> None:
        place = tmp_path / "run"
        for last in range(20):
            with replacing_folder(place) as folder:
                (folder / "old").touch()
            code = run_python(_EXCHANGE_AND_DIE, place, system, last)
            recover_folders(tmp_path)
            assert names(place) in (["old"], ["new"]), last
            if code == 0:
                break
        assert code == 0
        assert last >= 1
        with replacing_folder(place):
            pass
        assert [name for name in names(tmp_path) if name != "run"] in ([], [".run.lock"])

    def test_readers_always_find_one(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "y").mkdir()
        if not files._rename_with(tmp_path / "x", tmp_path / "y", files._EXCHANGE):
            pytest.skip("this file system cannot exchange two folders in one step")
        code = (
            "import sys; from pathlib import Path; from aqa.files import replacing_folder\n"
            "for i in range(150):\n"
            "    with replacing_folder(Path(sys.argv[1])) as f: (f / 'a').write_text(str(i))\n"
        )
        place = tmp_path / "run"
        with replacing_folder(place) as folder:
            (folder / "a").touch()
        process = subprocess.Popen([sys.executable, "-c", code, place])
        while process.poll() is None:
            assert (place / "a").exists()
        assert (place / "a").read_text() == "149"

    def test_two_processes_replace_one_folder(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from aqa.files import replacing_folder\n"
            "for i in range(60):\n"
            "    with replacing_folder(Path(sys.argv[1])) as f:\n"
            "        for name in 'ab': (f / name).write_text(sys.argv[2] + str(i))\n"
        )
        place = tmp_path / "run"
        commands = [[sys.executable, "-c", code, place, name] for name in "xy"]
        processes = [subprocess.Popen(command) for command in commands]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        assert names(tmp_path) == ["run"]
        assert names(place) == ["a", "b"]
        assert (place / "a").read_text() == (place / "b").read_text()

    def test_what_is_not_ours_is_kept(self, tmp_path: Path) -> None:
        place = tmp_path / "run"
        (place / "plots").mkdir(parents=True)
        for name in ("a", "notes.txt", "plots/1.png"):
            (place / name).write_text(name)
        with replacing_folder(place, ours=("a", "b")) as folder:
            (folder / "b").touch()
        assert names(place) == ["b", "notes.txt", "plots"]
        assert (place / "plots/1.png").read_text() == "plots/1.png"

    def test_a_file_is_not_replaced_by_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "run").write_text("x")
        with (
            pytest.raises(WriteError, match="run: a file, not a folder"),
            replacing_folder(tmp_path / "run"),
        ):
            pass
        assert (tmp_path / "run").read_text() == "x"


def raise_error(error: Exception) -> None:
    raise error


class TestWhereNothingMayBeWritten:
    def test_the_file_is_named_with_the_remedy_and_not_its_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(lock: filelock.FileLock, **options: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied", lock.lock_file)

        monkeypatch.setattr(filelock.FileLock, "acquire", refused)
        text = "/s.h5: Permission denied; write to another folder, or change the rights of this one"
        for take in (changing(tmp_path / "s.h5").__enter__, lambda: taken_lock(tmp_path / "s.h5")):
            with pytest.raises(WriteError) as found:
                take()
            assert str(found.value) == f"{tmp_path}{text}"


class TestFullDisk:
    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            safetensors.SafetensorError("Error: I/O error: No space left on device (os error 28)"),
            RuntimeError("write failed: errno = 28, error message = 'No space left on device'"),
        ],
    )
    @pytest.mark.parametrize("write", [replacing, replacing_folder])
    def test_it_is_one_line_that_names_the_file(
        self, tmp_path: Path, error: Exception, write: Callable[..., Any]
    ) -> None:
        with pytest.raises(AqaError) as found, write(tmp_path / "a"):
            raise_error(error)
        text = f"{tmp_path / 'a'}: No space left on device; free some space"
        assert str(found.value).startswith(text)
        assert names(tmp_path) == []

    def test_also_where_a_library_says_less(self, tmp_path: Path) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
        try:
            with (
                pytest.raises(AqaError, match=r"a\.npy: cannot be written"),
                replacing(tmp_path / "a.npy") as temporary,
                temporary.open("wb") as file,
            ):
                np.save(file, np.zeros(1 << 16))
            with pytest.raises(AqaError, match="b: File too large; free some space"):
                write_text(tmp_path / "b", "x" * (1 << 17))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert names(tmp_path) == []

    def test_errors_of_other_files_stay_as_they_are(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError), replacing(tmp_path / "a"):
            (tmp_path / "b").read_text()
        with pytest.raises(KeyError), replacing(tmp_path / "a"):
            raise_error(KeyError("x"))


def test_bytes_and_names_are_on_the_disk_before_and_after_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut loses what was not synced: first the file, then its name, then the folder."""
    told: list[tuple[str, Path]] = []
    sync, replace = files.sync, os.replace

    def tell_sync(path: Path) -> None:
        told.append(("sync", path))
        sync(path)

    def tell_replace(source: Path, target: Path) -> None:
        told.append(("replace", target))
        replace(source, target)

    monkeypatch.setattr(files, "sync", tell_sync)
    monkeypatch.setattr(os, "replace", tell_replace)
    folder = tmp_path / "x" / "y"
    with replacing(folder / "a") as temporary:
        temporary.write_text("x")
    assert ("sync", tmp_path) in told  # which holds the new name x
    assert ("sync", tmp_path / "x") in told
    assert told[-3:] == [("sync", temporary), ("replace", folder / "a"), ("sync", folder)]


def test_a_device_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    write_text(pipe, "through")
    assert process.communicate(timeout=60)[0] == "through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with pytest.raises(AqaError, match="/dev/full: No space left on device"):
        write_text(Path("/dev/full"), "x")


def test_a_path_that_is_no_link_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert real_path(Path("a")) == tmp_path / "a"

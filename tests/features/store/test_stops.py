"""A writer that is stopped at any instant, by a kill, a power cut or a full disk."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter, StoreError, raw_file
from aqa.files import sync

SPEC = {"shape": [8], "dtype": "float32", "weights": {"fitted_on": None}}
LEGACY = Path(__file__).resolve().parents[2] / "legacy" / "stores"


class Killed(BaseException):
    """Stands for the end of the process: nothing after it is written."""


def videos(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {f"video {i} é": rng.normal(size=(1 + i % 5, 8)).astype(np.float32) for i in range(n)}


def add_all(path: Path, content: dict[str, np.ndarray], finished: list[str]) -> None:
    with FeatureStoreWriter(path, SPEC, blank=np.ones(8), ids=list(content)[:2]) as writer:
        for video_id, features in content.items():
            if video_id not in writer:
                clips = [Clip(16 * k, 16 * k + 16) for k in range(len(features))]
                writer.append(video_id, [(features, clips)], n_frames=99, fps=25.0)
                finished.append(video_id)


class Disk:
    """What a writer does to its file, one by one, up to an instant.

    stop: how many operations are done; the one after it is done by half. fail: raised then.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop: float = np.inf):
        self.log: list[tuple[str, Any, int]] = []
        self.stop = stop
        self.failure: Callable[[], BaseException] = Killed
        self._real = {n: getattr(raw_file, n) for n in ("_write_all", "_truncate", "_sync")}
        monkeypatch.setattr(raw_file, "_write_all", self.write)
        monkeypatch.setattr(raw_file, "_truncate", self.truncate)
        monkeypatch.setattr(raw_file, "_sync", self.sync)

    def _next(self, *what: Any) -> bool:
        if len(self.log) > self.stop:
            raise self.failure()
        self.log.append(what)  # type: ignore[arg-type]
        return len(self.log) > self.stop

    def write(self, file: FileIO, data: bytes, offset: int) -> None:
        last = self._next("write", bytes(data), offset)
        self._real["_write_all"](file, bytes(data)[: len(data) // 2 if last else None], offset)
        if last:
            raise self.failure()

    def truncate(self, file: FileIO, size: int) -> None:
        if self._next("truncate", b"", size):
            raise self.failure()
        self._real["_truncate"](file, size)

    def sync(self, file: FileIO) -> None:
        if self._next("sync", b"", 0):
            raise self.failure()


def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files so small that they soon need more room, of each kind."""
    from aqa.features.store import writer

    monkeypatch.setattr(writer, "_SPARE", 1)
    monkeypatch.setattr(writer, "_FEWEST_VIDEOS", 1)
    monkeypatch.setattr(writer, "_FEWEST_ROWS", 1)
    monkeypatch.setattr(raw_file, "_STEPS", (64, 128))


@pytest.mark.parametrize("grows", [False, True], ids=["room enough", "room ends"])
@pytest.mark.parametrize("start", [0, 2], ids=["new", "extended"])
def test_a_stop_before_or_in_any_write_loses_nothing_that_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: int, grows: bool
) -> None:
    """Stop before, and in the middle of, the k-th operation, for every k; read and resume."""
    content, path = videos(4), tmp_path / "s.h5"
    add_all(tmp_path / "whole.h5", content, [])
    with FeatureStore.open(tmp_path / "whole.h5") as store:
        whole = [(store[i].tobytes(), store.clips(i)) for i in store.ids]
    stops = 0
    monkeypatch.setattr(os, "fsync", lambda _: None)  # for speed: a kill alone is tried
    for k in range(10**6):
        path.unlink(missing_ok=True)
        finished: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            if grows:
                small_room(patch)
            add_all(path, dict(list(content.items())[:start]), finished)
            Disk(patch, stop=k)
            try:
                add_all(path, content, finished)
            except Killed:
                stops += 1
            else:
                break
        if path.exists() or finished:
            with FeatureStore.open(path) as store:
                assert list(store)[: len(finished)] == finished
                assert len(store) <= len(finished) + 1
                assert store.verify() == []
            with h5py.File(path) as plain:
                assert plain["count"][()] >= len(finished)
        add_all(path, content, [])
        with FeatureStore.open(path) as store:
            assert [(store[i].tobytes(), store.clips(i)) for i in store.ids] == whole
            assert store.verify() == []
    assert stops > 30


@pytest.mark.parametrize("grows", [False, True], ids=["room enough", "room ends"])
def test_a_power_cut_loses_nothing_that_was_finished(tmp_path: Path, grows: bool) -> None:
    """Of what was written since the disk was last waited for, any sectors may be there or not."""
    content, path = videos(6), tmp_path / "s.h5"
    add_all(path, dict(list(content.items())[:2]), [])
    before = path.read_bytes()
    rng = np.random.default_rng(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_file, "_STEPS", (32, 64) if grows else (1 << 20, 64 << 20))
        disk = Disk(patch)
        counts = []
        with FeatureStoreWriter(path, SPEC) as writer:
            for video_id, features in list(content.items())[2:]:
                clips = [Clip(16 * k, 16 * k + 16) for k in range(len(features))]
                writer.append(video_id, [(features, clips)], n_frames=99)
                counts.append(len(disk.log))
    assert any(kind == "truncate" for kind, *_ in disk.log)
    cut = tmp_path / "cut.h5"
    for stop in range(len(disk.log) + 1):
        for _ in range(3):
            cut.write_bytes(after_power_cut(before, disk.log[:stop], rng))
            with FeatureStore.open(cut) as store:
                n = 2 + sum(count <= stop for count in counts)
                assert list(store)[:n] == list(content)[:n]
                assert store.verify() == []
                for video_id in store.ids:
                    np.testing.assert_array_equal(store[video_id], content[video_id])


def after_power_cut(before: bytes, log: list[tuple[str, Any, int]], rng: Any) -> bytes:
    """The bytes of a file of whose last operations any part reached the disk."""
    synced = max((i for i, (kind, *_) in enumerate(log) if kind == "sync"), default=-1)
    data = bytearray(before)
    for i, (kind, written, at) in enumerate(log):
        lost = i > synced and rng.random() < 0.5
        if kind == "truncate" and not lost:
            data = data[:at].ljust(at, b"\0")
        elif kind == "write":
            for start in range(at // 512 * 512, at + len(written), 512):
                low, high = max(start, at), min(start + 512, at + len(written))
                if i <= synced or rng.random() < 0.5:
                    data = data.ljust(high, b"\0")
                    data[low:high] = written[low - at : high - at]
    return bytes(data)


def test_append_waits_for_the_disk_and_so_does_creation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("aqa.files.sync", lambda path: (synced.append(path), sync(path)))
    disk = Disk(monkeypatch)
    path = tmp_path / "s.h5"
    with FeatureStoreWriter(path, SPEC) as writer:
        for i in range(2):
            writer.append(f"v{i}", [(np.ones((1, 8)), [Clip(0, 16)])], n_frames=16)
            assert disk.log[-1][0] == "sync"  # after the count was written
            kinds = [kind for kind, *_ in disk.log]
            assert kinds[-3:] == ["sync", "write", "sync"]
    assert synced[-1] == tmp_path  # the folder, once the file had its name


@pytest.mark.parametrize("stop", range(0, 60, 3))
def test_a_full_disk_is_one_line_and_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    path, finished = tmp_path / "s.h5", []  # type: ignore[var-annotated]
    add_all(path, videos(2), [])
    disk = Disk(monkeypatch, stop)
    disk.failure = lambda: OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(StoreError, match=r"^\S*s\.h5: No space left on device; the \d finished"):
        add_all(path, videos(5), finished)
    monkeypatch.undo()
    with FeatureStore.open(path) as store:
        assert list(store)[: 2 + len(finished)] == [*list(videos(2)), *finished]
        assert store.verify() == []
    add_all(path, videos(5), [])
    with FeatureStore.open(path) as store:
        assert list(store) == list(videos(5))


_WITH_LITTLE_SPACE = """
import resource, sys
sys.path.insert(0, sys.argv[3])
import numpy as np
from aqa.features.store import StoreError
from test_stops import add_all, videos
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    add_all(Path(sys.argv[1]), videos(30), [])
except StoreError as error:
    sys.exit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of a file's size")
@pytest.mark.parametrize("size", [1000, 20_000, 46_000, 47_000])
def test_a_file_that_cannot_grow_ends_no_process(tmp_path: Path, size: int) -> None:
    path = tmp_path / "s.h5"
    arguments = [sys.executable, "-c", _WITH_LITTLE_SPACE, path, str(size), Path(__file__).parent]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "s.h5: File too large" in result.stderr
    assert not list(tmp_path.glob(".*.tmp"))
    add_all(path, videos(30), [])
    with FeatureStore.open(path) as store:
        assert (len(store), store.verify()) == (30, [])


def test_one_video_is_added_by_writing_one_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, path = SPEC | {"shape": [1000]}, tmp_path / "s.h5"
    one = np.random.default_rng(0).normal(size=(20, 1000)).astype(np.float32)
    clips = [Clip(k, k + 16) for k in range(len(one))]
    with FeatureStoreWriter(path, spec, ids=map(str, range(50))) as writer:
        for i in range(50):
            writer.append(str(i), [(one, clips)], n_frames=99)
    inode = path.stat().st_ino
    disk = Disk(monkeypatch)
    with FeatureStoreWriter(path, spec) as writer:
        writer.append("more", [(one, clips)], n_frames=99)
    written = sum(len(data) for _, data, _ in disk.log)
    assert one.nbytes < written < one.nbytes + 4000
    assert path.stat().st_ino == inode
    with h5py.File(path) as file:
        assert file["features"].shape == (51 * 20, 1000)
        assert file["videos/id"].shape == (51,)
        assert path.stat().st_size == file["features"].id.get_offset() + 51 * one.nbytes


@pytest.mark.parametrize("name", ["extracted", "imported", "joints", "maps", "vectors"])
def test_a_store_of_before_grows_and_is_covered_then(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old.h5"
    path.write_bytes((LEGACY / f"{name}.h5").read_bytes())
    with FeatureStore.open(path) as store:
        spec, provenance, ids = store.spec, store.provenance, store.ids
        assert store.verify() == []
        assert "ids" in str(store.uncovered)
        assert store.content(ids[0]) is None
        before = [
            (store.augmented(a)[i].tobytes(), store.clips(i), store.fps(i), store.checksum(i))
            for i in ids
            for a in store.augmentations
        ]
    one = [(np.ones((1, *spec["shape"])), [Clip(0, 16)])] * len(spec.get("views", [1]))
    with FeatureStoreWriter(path, spec) as writer:
        writer.append("new", one, n_frames=16, content="blake2b:1", decoder="PyAV 1")
    with FeatureStore.open(path, spec) as store:
        assert (store.ids, store.provenance, store.uncovered) == ((*ids, "new"), provenance, None)
        assert store.verify() == []
        assert (store.content("new"), store.decoders) == ("blake2b:1", ("PyAV 1",))
        after = [
            (store.augmented(a)[i].tobytes(), store.clips(i), store.fps(i), store.checksum(i))
            for i in ids
            for a in store.augmentations
        ]
    assert repr(after) == repr(before)
    inode = path.stat().st_ino
    with FeatureStoreWriter(path, spec) as writer:
        writer.append("newer", one, n_frames=16)
    assert path.stat().st_ino == inode  # and from then on it grows in place

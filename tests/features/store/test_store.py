from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter, StoreError
from aqa.features.store.raw_file import places_in

SPEC = {
    "backbone": "c3d",
    "weights": {"name": "a.pth", "sha256": "aa", "fitted_on": None},
    "shape": [8],
    "dtype": "float32",
    "stride": 16,
    "preprocess": {"mean": [0.0, 1.0]},
}
BLANK = np.arange(8, dtype=np.float32)


def arrays(n: int, shape: tuple[int, ...] = (8,)) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        f"video {i} \u00e9": rng.normal(size=(1 + i % 7, *shape)).astype(np.float32)
        for i in range(n)
    }


def fill(path: Path, videos: dict[str, np.ndarray], spec: dict = SPEC, **options: Any) -> None:
    with FeatureStoreWriter(path, spec, blank=BLANK, **options) as writer:
        for video_id, features in videos.items():
            if video_id not in writer:
                add(writer, video_id, features)


def add(writer: FeatureStoreWriter, video_id: str, features: np.ndarray) -> None:
    clips = [Clip(16 * k - 3, 16 * k + 13) for k in range(len(features))]
    writer.append(video_id, [(features, clips)], n_frames=99, frame_range=(4, None), fps=29.97)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    videos = arrays(20)
    fill(tmp_path / "s.h5", videos)
    with FeatureStore.open(tmp_path / "s.h5", SPEC) as store:
        assert list(store) == list(videos)
        for video_id, features in videos.items():
            np.testing.assert_array_equal(store[video_id], features)
        np.testing.assert_array_equal(store.blank, BLANK)
        assert store.spec == SPEC
        assert store.clips("video 2 \u00e9")[1] == Clip(13, 29)
        assert store.n_frames("video 2 \u00e9") == 99
        assert store.frame_range("video 2 \u00e9") == (4, None)
        assert store.fps("video 2 \u00e9") == 29.97
        loaded = store.load(["video 3 \u00e9", "video 0 \u00e9"])
        np.testing.assert_array_equal(loaded[0], videos["video 3 \u00e9"])
        assert store.verify() == []


def spied_rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The ranges of rows that are read from now on, as they are."""
    read: list[tuple[int, int]] = []
    plain = h5py.Dataset.__getitem__

    def spy(self: h5py.Dataset, rows: slice) -> np.ndarray:
        read.append((int(rows.start), int(rows.stop)))
        return plain(self, rows)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", spy)
    return read


def test_only_the_rows_of_the_asked_videos_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    videos = arrays(12)
    names = list(videos)
    fill(tmp_path / "s.h5", videos)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        read = spied_rows(monkeypatch)
        for asked in (names, [names[5]], [names[7], names[2], names[3], names[7]], []):
            read.clear()
            loaded = store.load(asked)
            for video_id, features in zip(asked, loaded, strict=True):
                np.testing.assert_array_equal(features, videos[video_id])
            assert sum(stop - start for start, stop in read) == sum(len(videos[i]) for i in asked)
            assert len(read) == {12: 1, 1: 1, 4: 3, 0: 0}[len(asked)]  # what touches, at once


def test_plain_h5py_reads_a_closed_store(tmp_path: Path) -> None:
    videos = arrays(5)
    fill(tmp_path / "s.h5", videos)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["features"].shape == (sum(map(len, videos.values())), 8)
        assert file["videos/id"].asstr()[:].tolist() == list(videos)
        start, stop = file["videos/rows"][3, 0]
        np.testing.assert_array_equal(file["features"][start:stop], list(videos.values())[3])
        assert file["count"][()] == 5


def test_room_grows_where_it_was_not_foreseen(tmp_path: Path) -> None:
    videos = {"a": np.zeros((100, 8)), "b" * 50: np.ones((3, 8)), "c": np.ones((2000, 8))}
    fill(tmp_path / "s.h5", videos, ids=["a"])
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert {i: store[i].sum() for i in store} == {"a": 0, "b" * 50: 24, "c": 16000}


def test_a_store_is_extended(tmp_path: Path) -> None:
    videos = arrays(12)
    first = dict(list(videos.items())[:5])
    fill(tmp_path / "s.h5", first)
    fill(tmp_path / "s.h5", videos)
    fill(tmp_path / "once.h5", videos)
    with h5py.File(tmp_path / "s.h5") as a, h5py.File(tmp_path / "once.h5") as b:
        assert a["features"][()].tobytes() == b["features"][()].tobytes()
        assert a["blank"][()].tobytes() == b["blank"][()].tobytes()


def test_maps_and_half_precision(tmp_path: Path) -> None:
    spec = SPEC | {"shape": [2, 3, 3], "dtype": "float16"}
    features = np.random.default_rng(0).normal(size=(4, 2, 3, 3))
    with FeatureStoreWriter(tmp_path / "s.h5", spec) as writer:
        add(writer, "a", features)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store["a"].dtype == np.float32
        np.testing.assert_array_equal(store["a"], features.astype(np.float16))
        with pytest.raises(StoreError, match="no response to a blank clip"):
            _ = store.blank


def test_other_settings_are_refused_with_both_values(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    fill(path, arrays(3))
    before = path.read_bytes()
    other = SPEC | {"stride": 8, "preprocess": {"mean": [0.0, 2.0]}}
    for use in (lambda: FeatureStore.open(path, other), lambda: fill(path, {}, other)):
        with pytest.raises(StoreError) as caught:
            use()
        assert "stride is 16, not 8" in str(caught.value)
        assert "preprocess.mean is [0.0, 1.0], not [0.0, 2.0]" in str(caught.value)
    assert path.read_bytes() == before


def test_the_same_weights_under_another_name_are_welcome(tmp_path: Path) -> None:
    fill(tmp_path / "s.h5", arrays(2))
    renamed = SPEC | {
        "weights": {"name": "b.pth", "sha256": "aa", "path": "/x", "fitted_on": ["v"]}
    }
    assert len(FeatureStore.open(tmp_path / "s.h5", renamed)) == 2


def test_a_second_writer_is_refused_and_a_reader_is_not(tmp_path: Path) -> None:
    videos = arrays(4)
    path = tmp_path / "s.h5"
    with FeatureStoreWriter(path, SPEC, ids=videos) as writer:
        first, second = list(videos)[:2]
        add(writer, first, videos[first])
        with pytest.raises(StoreError, match="another process is writing it"):
            FeatureStoreWriter(path, SPEC)
        with FeatureStore.open(path) as store:
            add(writer, second, videos[second])
            assert list(store) == [first]
        with FeatureStore.open(path) as store:
            assert list(store) == [first, second]


@pytest.mark.parametrize(
    ("features", "problem"),
    [
        (np.zeros((2, 7)), "shape"),
        (np.zeros((0, 8)), "shape"),
        (np.full((2, 8), np.nan), "not finite"),
    ],
)
def test_bad_features_are_refused(tmp_path: Path, features: np.ndarray, problem: str) -> None:
    with FeatureStoreWriter(tmp_path / "s.h5", SPEC) as writer:
        add(writer, "good", np.zeros((1, 8)))
        with pytest.raises(StoreError, match=problem):
            add(writer, "bad", features)
        with pytest.raises(StoreError, match="is in it already"):
            add(writer, "good", np.zeros((1, 8)))
    assert list(FeatureStore.open(tmp_path / "s.h5")) == ["good"]


def test_files_that_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "text.h5").write_text("hello")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    for name, problem in (
        ("absent.h5", "no such feature store"),
        ("text.h5", "not a readable HDF5 file"),
        ("other.h5", "not a feature store"),
    ):
        with pytest.raises(StoreError, match=problem):
            FeatureStore.open(tmp_path / name)
    with pytest.raises(StoreError):
        FeatureStoreWriter(tmp_path / "text.h5", SPEC)
    assert (tmp_path / "text.h5").read_text() == "hello"


def test_an_unknown_video_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "s.h5", {"dive_01": np.zeros((1, 8))})
    with pytest.raises(KeyError, match=r"'dive_1'; did you mean 'dive_01'"):
        FeatureStore.open(tmp_path / "s.h5")["dive_1"]


def test_a_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    fill(path, arrays(6))
    with h5py.File(path, "r+") as file:
        file["features"][4] += 1
    with FeatureStore.open(path) as store:
        (problem,) = store.verify()
    assert "video 2" in problem
    assert "checksum" in problem


@pytest.mark.parametrize(
    ("name", "row", "value", "problem"),
    [
        ("clips", 1, (13, 13), r"video 1 é \(original\): clip 0 ends before it starts"),
        ("clips", 2, (-3, 29), "video 1 é .*: clip 1 does not start after the one before it"),
        ("clips", 2, (99, 115), "video 1 é .*: clip 1 is not in its 99 frames"),
        ("clips", 1, (-17, 13), "video 1 é .*: clip 0 is not in its 99 frames"),
        ("videos/id", 2, "video 0 é", "ids that are listed twice: video 0 é"),
        ("videos/rows", 1, (1, 7), "video 2 é .*: rows 3-6 do not follow row 7"),
        ("videos/rows", 2, (3, 7), "/features has 6 rows, but 7 are counted"),
        ("count", (), 4, "/videos/id has 3 rows, but 4 are counted"),
        ("count", (), -1, "/videos/id has 3 rows, but -1 are counted"),
    ],
)
def test_what_does_not_fit_together_is_found(
    tmp_path: Path, name: str, row: Any, value: Any, problem: str
) -> None:
    path = tmp_path / "s.h5"
    fill(path, arrays(3), SPEC | {"clip_length": 16, "frames": None})
    with FeatureStore.open(path) as store:
        assert store.verify() == []
    with h5py.File(path, "r+") as file:
        file[name][row] = value
    with FeatureStore.open(path) as store:
        problems = store.verify()
    assert any(re.match(f"{path}: {problem}", found) for found in problems), problems


@pytest.mark.parametrize(
    ("name", "array", "problem"),
    [
        ("features", np.zeros((6, 8), "float64"), r"float64 .* \(8,\), not float32 .* \(8,\)"),
        ("features", np.zeros((6, 7), "float32"), r"float32 .* \(7,\), not float32 .* \(8,\)"),
        ("clips", np.zeros((6, 2)), r"float64 with rows of shape \(2,\), not int32 .* \(2,\)"),
        ("clips", np.zeros((5, 2), "int32"), "has 5 rows, but 6 are counted"),
        ("clips", None, "is missing"),
    ],
)
def test_arrays_of_another_kind_are_found(
    tmp_path: Path, name: str, array: np.ndarray | None, problem: str
) -> None:
    path = tmp_path / "s.h5"
    fill(path, arrays(3))
    with h5py.File(path, "r+") as file:
        del file[name]
        if array is not None:
            file[name] = array
    with FeatureStore.open(path) as store:
        (found,) = store.verify()
    assert re.search(f"/{name} .*{problem}", found)


_WRITE_FOREVER = """
import sys, numpy as np
from aqa.errors import AqaError
from aqa.features.clips import Clip
from aqa.features.store import FeatureStoreWriter
spec = {"shape": [512], "dtype": "float32", "weights": {"fitted_on": None}}
with FeatureStoreWriter(sys.argv[1], spec) as writer:
    for i in range(100_000):
        if f"v{i}" not in writer:
            features = np.random.default_rng(i).normal(size=(1 + i % 5, 512))
            clips = [Clip(k, k + 16) for k in range(len(features))]
            writer.append(f"v{i}", [(features, clips)], n_frames=16)
            print(i, flush=True)
"""


def _append_long(path: Path, videos: range) -> None:
    """Videos of 20 clips, more than is planned for one, whose starts tell video and clip."""
    spec = {"shape": [2], "dtype": "float32", "weights": {"fitted_on": None}}
    with FeatureStoreWriter(path, spec) as writer:
        for i in videos:
            clips = [Clip(20 * i + k, 20 * i + k + 16) for k in range(20)]
            writer.append(f"v{i}", [(np.full((20, 2), i), clips)], n_frames=2000)


def _assert_long(path: Path, n: int) -> None:
    with FeatureStore.open(path) as store:
        assert store.verify() == []
        assert [clip.start for i in range(n) for clip in store.clips(f"v{i}")] == [*range(20 * n)]


def test_a_store_that_is_gone_on_with_keeps_to_the_bytes_of_its_arrays(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    _append_long(path, range(1))
    for n in (51, 52, 60, 62, 70):  # 1024 rows were declared, with some bytes left behind them
        with FeatureStore.open(path) as store:
            first = len(store)
        _append_long(path, range(first, n))
        _assert_long(path, n)


def test_rows_behind_the_bytes_of_an_array_are_read_where_they_lie(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    _append_long(path, range(30))
    with FeatureStore.open(path) as store:
        places = places_in(store.file)
    assert places is not None
    with path.open("r+b") as file:  # as it was gone on with in earlier versions
        file.seek(places["clips"].size_at)
        file.write((590 * 8).to_bytes(8, "little"))
    _assert_long(path, 30)
    _append_long(path, range(30, 40))
    _assert_long(path, 40)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_kill_9_at_random_instants(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "s.h5"
    last = -1
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", _WRITE_FOREVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()  # it is writing now
        time.sleep(float(rng.uniform(0, 0.3)))
        process.kill()
        printed = [int(n) for n in [line, *process.stdout.read().split()]]
        process.stdout.close()
        process.wait()
        last = max(last, *printed)
        with FeatureStore.open(path) as store:
            assert len(store) >= last + 1
            assert store.verify() == []
            some = f"v{int(rng.integers(len(store)))}"
            expected = np.random.default_rng(int(some[1:])).normal(size=(len(store[some]), 512))
            np.testing.assert_array_equal(store[some], expected.astype(np.float32))
    assert last > 10


def test_leftovers_of_a_killed_writer_are_cleared(tmp_path: Path) -> None:
    (tmp_path / ".s.h5.123.tmp").write_bytes(b"half")
    fill(tmp_path / "s.h5", arrays(1))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".s.h5.lock", "s.h5"]


def test_twenty_thousand_videos(tmp_path: Path) -> None:
    spec = SPEC | {"shape": [1]}
    features = {f"v{i}": np.zeros((1, 1), np.float32) for i in range(20_000)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        with FeatureStoreWriter(tmp_path / "s.h5", spec, ids=features) as writer:
            for video_id, array in features.items():
                writer.append(video_id, [(array, [Clip(0, 16)])], n_frames=16)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert len(store) == 20_000


def test_views_lie_beside_the_original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = SPEC | {"views": ["original", "flip"]}
    first, second = np.ones((3, 8)), np.full((2, 8), 2.0)
    clips = [Clip(0, 16), Clip(16, 32), Clip(20, 36)]
    with FeatureStoreWriter(tmp_path / "s.h5", spec) as writer:
        for name in ("a", "b"):
            writer.append(name, [(first, clips), (second, clips[1:])], n_frames=36)
        with pytest.raises(StoreError, match="'c' under 1 augmentations, not 2"):
            writer.append("c", [(first, clips)], n_frames=36)
    with FeatureStore.open(tmp_path / "s.h5", spec) as store:
        assert (len(store), store.n_clips, store.verify()) == (2, 10, [])
        np.testing.assert_array_equal(store["b"], first)
        flipped = store.augmented("flip")
        np.testing.assert_array_equal(flipped["b"], second)
        np.testing.assert_array_equal(flipped.load(["a"])[0], second)
        read = spied_rows(monkeypatch)
        flipped.load(["b", "a"])
        assert read == [(3, 5), (8, 10)]  # and none of the original
        assert flipped.clips("a") == clips[1:]
        with pytest.raises(
            KeyError, match=r"unknown augmentation .* 'zoom'; known: original, flip"
        ):
            store.augmented("zoom")


def test_what_was_not_known_of_a_video_comes_back_as_such(tmp_path: Path) -> None:
    feature, clips = np.ones((1, 8), np.float32), [Clip(0, 16)]
    with FeatureStoreWriter(tmp_path / "s.h5", SPEC, ids=["a", "b"]) as writer:
        writer.append("a", [(feature, clips)], n_frames=16)
        writer.append("b", [(feature, clips)], n_frames=16, frame_range=(3, 19), n_bytes=12)
        assert (writer.frame_range("a"), writer.n_bytes("a")) == ((0, None), None)
        assert (writer.frame_range("b"), writer.n_bytes("b")) == ((3, 19), 12)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert (store.shape, store.n_clips, len(store)) == ((8,), 2, 2)
        assert (store.frame_range("a"), store.n_bytes("a")) == ((0, None), None)
        assert (store.frame_range("b"), store.n_bytes("b")) == ((3, 19), 12)
        assert np.isnan(store.fps("a"))
        assert "a" in store
        assert "c" not in store
        with pytest.raises(AqaError, match=r"unknown video of .*s\.h5 'c'"):
            store["c"]
        with pytest.raises(StoreError, match="no response to a blank clip"):
            _ = store.blank


@pytest.mark.parametrize(
    ("clips", "frames", "problem"),
    [
        ([(0, 16), (1, 17)], None, None),
        ([(0, 16), (0, 17)], None, "clip 1 does not start after the one before it"),
        ([(0, 0)], None, "clip 0 ends before it starts"),
        ([(19, 35)], None, None),
        ([(20, 36)], None, "clip 0 is not in its 20 frames"),
        ([(-16, 0)], None, None),
        ([(-17, -1)], None, "clip 0 is not in its 20 frames"),
        ([(-48, -32), (47, 63)], 48, None),
        ([(-49, -33)], 48, "clip 0 is not in its 20 frames"),
        ([(48, 64)], 48, "clip 0 is not in its 20 frames"),
    ],
)
def test_clips_lie_in_the_frames_that_the_rule_gives(
    tmp_path: Path, clips: list[tuple[int, int]], frames: int | None, problem: str | None
) -> None:
    spec = SPEC | {"clip_length": 16, "frames": frames}
    with FeatureStoreWriter(tmp_path / "s.h5", spec, ids=["a"]) as writer:
        features = np.ones((len(clips), 8), np.float32)
        writer.append("a", [(features, [Clip(*clip) for clip in clips])], n_frames=20)
    with FeatureStore.open(tmp_path / "s.h5") as store:
        found = store.verify()
    if problem is None:
        assert found == []
    else:
        assert [line.endswith(problem) for line in found] == [True]

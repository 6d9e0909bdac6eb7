"""Features of other tools, in files made here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.elsewhere import read_features

A = np.arange(6, dtype=np.float32).reshape(3, 2)


def test_a_folder_holds_one_file_per_video(tmp_path: Path) -> None:
    np.save(tmp_path / "Ball_001.npy", A)
    np.save(tmp_path / "Ball_002.npy", A[:1])
    (tmp_path / "Ball_003.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "Ball_004.txt").write_text("   1.5   -2e3\n\n\t3 4\n")
    (tmp_path / "readme.md").write_text("not read")
    found = read_features(tmp_path)
    assert {i: array.shape for i, array in found.items()} == {
        **{"Ball_001": (3, 2), "Ball_002": (1, 2)},
        **{"Ball_003": (2, 2), "Ball_004": (2, 2)},
    }
    assert found["Ball_004"].tolist() == [[1.5, -2000], [3, 4]]
    assert list(read_features(tmp_path, ["Ball_002", "Ball_001"])) == ["Ball_002", "Ball_001"]


def test_a_folder_of_archives_holds_one_array_of_each_video(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=A)
    np.savez(tmp_path / "b.npz", A[:1])
    found = read_features(tmp_path)
    assert {i: array.shape for i, array in found.items()} == {"a": (3, 2), "b": (1, 2)}
    np.savez(tmp_path / "b.npz", features=A[:2], fps=25)
    with pytest.raises(AqaError, match=r"b\.npz: it holds features, fps: .* with --dataset"):
        read_features(tmp_path)
    assert read_features(tmp_path, None, "features")["b"].shape == (2, 2)
    with pytest.raises(AqaError, match=r"a\.npz: no array feats; it holds features"):
        read_features(tmp_path, None, "feats")


def saved(name: str, array: np.ndarray) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / name, array, allow_pickle=True)


def written(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


@pytest.mark.parametrize(
    ("makes", "message"),
    [
        ([], "it holds no .npy, .npz, .csv, .tsv, .txt, one per video"),
        ([saved("a.npy", np.array([{"x": 1}]))], "a.npy: not a .npy or .npz file of numbers"),
        ([saved("a.npy", np.array(["x"]))], "no array of features"),
        ([saved("a.npy", A), written("a.csv", "1,2\n")], "a.npy: a.csv is of the same video"),
        ([written("a.csv", "x,y\n1,2\n1,2,3\n")], "a.csv: row 3: 3 values, the first row has 2"),
        ([written("a.csv", "1,2\n1,?\n")], "a.csv: row 2: not all of its values are numbers"),
        ([written("a.csv", "x,y\n")], "a.csv: it holds no rows of numbers"),
    ],
)
def test_what_a_folder_must_not_hold(
    tmp_path: Path, makes: list[Callable[[Path], None]], message: str
) -> None:
    for make in makes:
        make(tmp_path)
    with pytest.raises(AqaError) as caught:
        read_features(tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_large_table_and_other_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1,\xff\n")
    with pytest.raises(AqaError, match="byte 2 is not UTF-8"):
        read_features(path)
    monkeypatch.setattr("aqa.features.elsewhere.table.MAX_BYTES", 3)
    with pytest.raises(AqaError, match="4 bytes are too many for a table of one video"):
        read_features(path)


def test_ids_that_have_no_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", A)
    with pytest.raises(AqaError, match="no file of 1 of the ids: b"):
        read_features(tmp_path, ["a", "b"])
    with pytest.raises(AqaError, match=r"--dataset x names an array of \.npz files; it holds none"):
        read_features(tmp_path, None, "x")
    with pytest.raises(AqaError, match="--dataset x means something for HDF5 files"):
        read_features(tmp_path / "a.npy", None, "x")


@pytest.fixture
def hdf5(tmp_path: Path) -> Path:
    path = tmp_path / "f.h5"
    with h5py.File(path, "w") as file:
        file["a/i3d"], file["b/i3d"], file["b/label"] = A, A[:2], np.array([1])
        file["joint"] = np.stack([A, A])
    return path


def test_groups_of_hdf5_are_videos(tmp_path: Path, hdf5: Path) -> None:
    found = read_features(hdf5, ["b", "a"], "i3d")
    assert list(found) == ["b", "a"]
    assert found["a"].tolist() == A.tolist()
    assert list(read_features(hdf5, ["x", "y"], "joint")) == ["x", "y"]
    with h5py.File(tmp_path / "flat.hdf5", "w") as file:
        file["v1"], file["v2"] = A, A
    assert list(read_features(tmp_path / "flat.hdf5")) == ["v1", "v2"]


@pytest.mark.parametrize(
    ("ids", "dataset", "message"),
    [
        (["a"], None, "'a' holds no array; it holds i3d: name one with --dataset"),
        (["a"], "c3d", "'a' holds no array c3d; it holds i3d"),
        (["z"], "i3d", "no entry for 1 of the ids: z"),
        (None, "joint", "'joint' does not name its videos; give their ids with --ids"),
        (["x"], "joint", "'joint' has shape (2, 3, 2); expected (1 videos, dim)"),
    ],
)
def test_what_hdf5_does_not_hold(
    hdf5: Path, ids: list[str] | None, dataset: str | None, message: str
) -> None:
    with pytest.raises(AqaError) as caught:
        read_features(hdf5, ids, dataset)
    assert message in str(caught.value)


def test_hdf5_does_not_lead_elsewhere(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = A
    (tmp_path / "raw").write_bytes(b"\0" * 24)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["a"] = h5py.ExternalLink(str(secret), "x")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("a", (6,), "f4", external=[(str(tmp_path / "raw"), 0, 24)])
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout((3, 2), "f4")
        layout[:] = h5py.VirtualSource(str(secret), "x", (3, 2))
        file.create_virtual_dataset("a", layout)
    with h5py.File(tmp_path / "absurd.h5", "w") as file:
        file.create_dataset("a", (1 << 40,), "f4", chunks=(1024,))
    with h5py.File(tmp_path / "text.h5", "w") as file:
        file["a"] = "words"
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 40)
    for name, message in {
        "link": "is a link to somewhere else: not followed",
        "raw": "lie in other files: not read",
        "virtual": "lie in other files: not read",
        "absurd": "far more than the file holds",
        "text": "no array of numbers",
        "broken": "not an HDF5 file that can be read",
    }.items():
        with pytest.raises(AqaError, match=message):
            read_features(tmp_path / f"{name}.h5")

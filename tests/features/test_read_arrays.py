"""Features by video id from NumPy files, and which ids go with which rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.arrays import read_arrays, read_ids, write_arrays
from aqa.features.store import FeatureStore, import_arrays

A, B = np.zeros((2, 3)), np.ones((1, 3))


def saved(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "f.npz", **arrays)
    return folder / "f.npz"


def test_ids_that_a_npz_lacks_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path, a=A, b=B)
    with pytest.raises(AqaError, match=r"f\.npz: no array for 2 of the ids: c, d"):
        read_arrays(path, ["a", "c", "d"])


def test_ids_choose_from_a_npz_and_order_it(tmp_path: Path) -> None:
    path = saved(tmp_path, a=A, b=B)
    assert list(read_arrays(path, ["b", "a"])) == ["b", "a"]
    (found,) = read_arrays(path, ["b"]).items()
    assert found[0] == "b"
    np.testing.assert_array_equal(found[1], B)
    assert list(read_arrays(path, None)) == ["a", "b"]


def test_a_single_array_of_three_axes_holds_all_videos(tmp_path: Path) -> None:
    rows = np.arange(12.0).reshape(2, 2, 3)
    path = saved(tmp_path, features=rows)
    found = read_arrays(path, ["x", "y"])
    np.testing.assert_array_equal(found["y"], rows[1])
    # Unless it is called as a video is: a map of one video then.
    assert read_arrays(path, ["features"])["features"].shape == (2, 2, 3)
    two_axes = saved(tmp_path, features=rows[0])
    with pytest.raises(AqaError, match="no array for 2 of the ids"):
        read_arrays(two_axes, ["x", "y"])


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((2, 3)), "2 rows for 3 ids"),
        (np.zeros((4, 3)), "4 rows for 3 ids"),
        (np.zeros(3), r"shape \(3,\); expected \(videos, dim\)"),
        (np.zeros((3, 1, 1, 1)), r"shape \(3, 1, 1, 1\); expected"),
        (np.zeros((3, 0)), "for 'a' is not an array of features"),
        (np.zeros((3, 2), bool), "the array of 'a' is of bool, not of numbers"),
        (np.zeros((3, 2), complex), "the array of 'a' is of complex128, not of numbers"),
    ],
)
def test_arrays_that_are_no_features(tmp_path: Path, array: np.ndarray, problem: str) -> None:
    np.save(tmp_path / "f.npy", array)
    with pytest.raises(AqaError, match=problem):
        read_arrays(tmp_path / "f.npy", ["a", "b", "c"])


def test_ids_of_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes("\ufeffa \r\n\r\n b\n".encode())
    assert read_ids(tmp_path / "ids.txt") == ["a", "b"]


def test_an_export_never_leaves_features_beside_the_ids_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tmp_path / "out.ids.txt"
    (tmp_path / "out.npy").write_bytes(b"earlier features")
    ids.write_text("of\nothers\n")
    import_arrays(tmp_path / "s.h5", {"a": A.astype(np.float32)}, source="x")

    def stops(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "save", stops)
    with FeatureStore.open(tmp_path / "s.h5") as store, pytest.raises(KeyboardInterrupt):
        write_arrays(store, tmp_path / "out.npy")
    assert not ids.exists()


def test_exports_have_two_endings(tmp_path: Path) -> None:
    import_arrays(tmp_path / "s.h5", {"a": A.astype(np.float32)}, source="x")
    with FeatureStore.open(tmp_path / "s.h5") as store, pytest.raises(AqaError, match="export to"):
        write_arrays(store, tmp_path / "out.txt")

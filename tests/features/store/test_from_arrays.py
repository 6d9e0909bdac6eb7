from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.arrays import read_arrays, read_ids, write_arrays
from aqa.features.store import FeatureStore, StoreError, import_arrays
from aqa.features.video_features import blank_of


def test_rows_of_a_matrix(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.arange(12.0).reshape(3, 4))
    (tmp_path / "ids.txt").write_text("a\nb\n\nc\n")
    ids = read_ids(tmp_path / "ids.txt")
    import_arrays(
        tmp_path / "s.h5", read_arrays(tmp_path / "f.npy", ids), source="x", fitted_on=["a"]
    )
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert store["b"].tolist() == [[4.0, 5.0, 6.0, 7.0]]
        assert store.spec["weights"]["fitted_on"] == ["a"]


def test_round_trips(tmp_path: Path) -> None:
    ragged = {"file": np.ones((2, 4), np.float32), "b": np.zeros((3, 4), np.float32)}
    import_arrays(tmp_path / "s.h5", ragged, source="x")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        write_arrays(store, tmp_path / "out.npz")
        with pytest.raises(AqaError, match="2 to 3 clips"):
            write_arrays(store, tmp_path / "out.npy")
    back = read_arrays(tmp_path / "out.npz", None)
    assert {k: v.tolist() for k, v in back.items()} == {k: v.tolist() for k, v in ragged.items()}
    even = {"a": np.ones((2, 4), np.float32), "b": np.zeros((2, 4), np.float32)}
    import_arrays(tmp_path / "e.h5", even, source="x")
    with FeatureStore.open(tmp_path / "e.h5") as store:
        array, ids = write_arrays(store, tmp_path / "e.npy")
    assert np.load(array).shape == (2, 2, 4)
    assert read_ids(ids) == ["a", "b"]


def test_what_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", np.zeros((3, 4)))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "words.npy", np.array([["x"]]))
    (tmp_path / "twice.txt").write_text("a\na\n")
    for use, problem in (
        (lambda: read_arrays(tmp_path / "f.npy", None), "give their ids"),
        (lambda: read_arrays(tmp_path / "f.npy", ["a"]), "3 rows for 1 ids"),
        (lambda: read_arrays(tmp_path / "objects.npy", ["a"]), "not a .npy or .npz"),
        (lambda: read_arrays(tmp_path / "words.npy", ["a"]), "not of numbers"),
        (lambda: read_arrays(tmp_path / "absent.npy", ["a"]), "no such file"),
        (lambda: read_ids(tmp_path / "twice.txt"), "listed twice: a"),
        (lambda: import_arrays(tmp_path / "s.h5", {}, source="x"), "holds no videos"),
    ):
        with pytest.raises(AqaError, match=problem):
            use()


def test_uneven_or_existing_leave_nothing_behind(tmp_path: Path) -> None:
    uneven = {"a": np.zeros((2, 4)), "b": np.zeros((2, 5))}
    with pytest.raises(StoreError, match=r"'b' has an array of shape \(2, 5\)"):
        import_arrays(tmp_path / "s.h5", uneven, source="x")
    assert not list(tmp_path.iterdir())
    import_arrays(tmp_path / "s.h5", {"a": np.zeros((2, 4))}, source="x")
    with pytest.raises(StoreError, match="it exists"):
        import_arrays(tmp_path / "s.h5", {"a": np.zeros((2, 4))}, source="x")


def test_what_is_not_known_of_arrays_is_null(tmp_path: Path) -> None:
    arrays = {"a": np.array([1.0, 2.0]), "b": np.array([[3.0, 4.0], [5.0, 6.0]])}
    import_arrays(tmp_path / "s.h5", arrays, source="theirs", dtype="float16")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        assert (store["a"].shape, store["b"].shape) == ((1, 2), (2, 2))
        assert store.clips("b") == [(0, 1), (1, 2)]
        assert (store.n_frames("a"), store.n_frames("b")) == (1, 2)
        assert blank_of(store) is None
        assert store.spec == {
            "backbone": "theirs",
            "weights": {"name": None, "sha256": None, "fitted_on": None},
            "shape": [2],
            "dtype": "float16",
            "views": ["original"],
            **dict.fromkeys(("layer", "clip_length", "stride", "frames")),
            **dict.fromkeys(("padding", "tail", "preprocess")),
        }


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.zeros((0, 2)), r"'b' has an array of shape \(0, 2\)"),
        (np.array([[1.0, np.nan]]), "'b' has values that are not finite"),
        (np.array([[1.0, 1e300]]), "'b' has values that are not finite"),
    ],
)
def test_features_that_are_none(tmp_path: Path, array: np.ndarray, problem: str) -> None:
    with pytest.raises(StoreError, match=problem):
        import_arrays(tmp_path / "s.h5", {"a": np.ones((1, 2)), "b": array}, source="x")
    assert not list(tmp_path.glob("*.h5"))

"""NumPy files of unknown origin: what they declare is not believed, what they pickle not run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.arrays import load_arrays, read_arrays, read_ids, write_arrays
from aqa.features.store import FeatureStore, import_arrays


def npy(shape: tuple[int, ...], n_values: int, dtype: str = "<f4") -> bytes:
    """A .npy that declares a shape and holds so many values."""
    file = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + np.zeros(n_values, dtype).tobytes()


def npz(member: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("a.npy", member)
    return file.getvalue()


def claiming(archive: bytes, n_bytes: int) -> bytes:
    """The archive with another uncompressed size in its directory."""
    at = archive.rindex(b"PK\x01\x02") + 24
    return archive[:at] + n_bytes.to_bytes(4, "little") + archive[at + 4 :]


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([{}], dtype=object), allow_pickle=True)
    return file.getvalue()


ABSURD = npy((1 << 20, 1 << 20), 6)


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_arrays_come_back(tmp_path: Path, write: Callable[..., None]) -> None:
    turned = np.arange(6).reshape(2, 3).T
    arrays = {"a": np.zeros((300, 400)), "turned": turned, "names": np.array(["x"])}
    write(tmp_path / "a.npz", **arrays)
    found = load_arrays(tmp_path / "a.npz")
    assert isinstance(found, dict)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    np.save(tmp_path / "a.npy", turned)
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.npy"), turned)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (ABSURD, r"shape \(1048576, 1048576\) of float32 takes 4398046511104 bytes, it holds 24"),
        (npz(ABSURD), "takes 4398046511104 bytes, it holds 24"),
        (npz(ABSURD, zipfile.ZIP_STORED), "takes 4398046511104 bytes, it holds 24"),
        (claiming(npz(npy((1 << 29,), 6)), (1 << 32) - 1), "takes 2147483648 bytes, it holds"),
        (npy((2, 3), 5), "takes 24 bytes, it holds 20"),
        (npy((-2, 3), 6), "takes -24 bytes"),
        (pickled(), "it holds Python objects"),
        (npz(pickled()), "it holds Python objects"),
        (npz(b"text"), "not a .npy or .npz file of numbers"),
        (npz(npy((2, 3), 6))[:-30], "not a .npy or .npz file of numbers"),
        (b"", "not a .npy or .npz file of numbers"),
        (None, "no such file"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "a"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AqaError, match=problem):
        load_arrays(path)


def archive(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (archive(**{"a": npy((2,), 2), "a.npy": npy((3,), 3)}), "two members called 'a'"),
        (archive(**{".npy": npy((2,), 2)}), "a member called '.npy', which names no array"),
        (archive(**{"folder/": b""}), "a member called 'folder/', which names no array"),
        (npz(npy((1 << 25,), 1 << 25)), "unpacks to 134217728 bytes and more"),
        (
            archive(**{f"{i}.npy": npy((1 << 23,), 1 << 23) for i in range(3)}),
            "unpacks to 33554432 bytes and more",
        ),
        (npy((-2, -3), 6), "is none of numbers"),
        (npy((1 << 62,), 0, "V0"), "is none of numbers"),
    ],
    ids=range(7),
)
def test_names_and_sizes_of_archives(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(AqaError, match=problem):
        load_arrays(tmp_path / "a")


def made(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_ids_select_and_order_the_arrays_of_a_npz(tmp_path: Path) -> None:
    path = made(tmp_path / "a.npz", a=np.zeros((1, 2)), b=np.ones((2, 2)), c=np.full((3, 2), 2))
    assert list(read_arrays(path, None)) == ["a", "b", "c"]
    found = read_arrays(path, ["c", "a"])
    assert {i: len(array) for i, array in found.items()} == {"c": 3, "a": 1}
    assert list(found) == ["c", "a"]


def test_ids_that_a_npz_lacks_are_named(tmp_path: Path) -> None:
    path = made(tmp_path / "a.npz", a=np.zeros((1, 2)), b=np.ones((2, 2)))
    with pytest.raises(AqaError, match="no array for 2 of the ids: x, y"):
        read_arrays(path, ["a", "x", "b", "y"])


def test_a_single_array_of_three_axes_holds_all_videos(tmp_path: Path) -> None:
    both = np.arange(12.0).reshape(2, 3, 2)
    path = made(tmp_path / "a.npz", features=both)
    found = read_arrays(path, ["v", "w"])
    assert {i: array.tolist() for i, array in found.items()} == {
        "v": both[0].tolist(),
        "w": both[1].tolist(),
    }
    with pytest.raises(AqaError, match="give their ids"):
        read_arrays(path, None)
    assert read_arrays(path, ["features"])["features"].shape == (2, 3, 2)
    more = made(tmp_path / "b.npz", a=both, b=both)
    assert read_arrays(more, None)["b"].shape == (2, 3, 2)


@pytest.mark.parametrize("shape", [(2,), (2, 1, 1, 1)])
def test_rows_are_of_two_or_three_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(AqaError, match=r"expected \(videos, dim\) or"):
        read_arrays(tmp_path / "a.npy", ["a", "b"])


@pytest.mark.parametrize("rows", [1, 3])
def test_there_is_an_id_for_every_row(tmp_path: Path, rows: int) -> None:
    np.save(tmp_path / "a.npy", np.zeros((rows, 4)))
    with pytest.raises(AqaError, match=f"{rows} rows for 2 ids"):
        read_arrays(tmp_path / "a.npy", ["a", "b"])


@pytest.mark.parametrize("empty", [np.zeros((0, 4)), np.zeros((2, 0)), np.float32(3)])
def test_what_is_no_features_is_named(tmp_path: Path, empty: np.ndarray) -> None:
    with pytest.raises(AqaError, match="what it has for 'a' is not an array of features"):
        read_arrays(made(tmp_path / "a.npz", a=empty, b=np.ones((1, 1))), None)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_all_numbers_are_features(tmp_path: Path, dtype: str) -> None:
    path = made(tmp_path / "a.npz", a=np.ones((2, 3), dtype), b=np.ones((1, 3), dtype))
    assert read_arrays(path, ["a"])["a"].dtype == dtype


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_other_types_are_not(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(AqaError, match=f"'a' is of {dtype}, not of numbers"):
        read_arrays(made(tmp_path / "a.npz", a=np.ones((2, 3), dtype)), None)


def test_a_list_of_ids_may_have_a_mark_and_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_bytes("\ufeff a é \r\n\nb\n".encode())
    assert read_ids(tmp_path / "ids.txt") == ["a é", "b"]
    (tmp_path / "ids.txt").write_text("b\na\nc\nb\na\n")
    with pytest.raises(AqaError, match=r"listed twice: a, b$"):
        read_ids(tmp_path / "ids.txt")
    (tmp_path / "ids.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(AqaError, match="cannot be read as a list of ids"):
        read_ids(tmp_path / "ids.txt")


def test_other_endings_are_not_written(tmp_path: Path) -> None:
    import_arrays(tmp_path / "s.h5", {"a": np.ones((1, 2)), "b": np.ones((1, 2))}, source="x")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        with pytest.raises(AqaError, match=r"export to \.npz, or to \.npy"):
            write_arrays(store, tmp_path / "a.csv")
        assert write_arrays(store, tmp_path / "a.npz") == [tmp_path / "a.npz"]
        assert write_arrays(store, tmp_path / "a.npy") == [
            tmp_path / "a.npy",
            tmp_path / "a.ids.txt",
        ]
    assert (tmp_path / "a.ids.txt").read_text() == "a\nb\n"

"""NumPy files of unknown origin: what they declare is not believed, what they pickle not run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.features.arrays import load_arrays


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

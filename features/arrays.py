"""Features as plain NumPy files: a `.npy` with a list of ids, or a `.npz` with an array per id."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, EndingError, listed
from aqa.features.store import FeatureStore
from aqa.files import replacing, sync, write_text


def read_ids(path: Path) -> list[str]:
    """The ids of a text file, one per line; `AqaError` where it is none, or one is repeated."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise AqaError(
            f"{path}: no such file; name a text file that has the id of a video on each line"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise AqaError(
            f"{path}: cannot be read as a list of ids: {reason}; name a text file that has the id "
            "of a video on each line"
        ) from None
    ids = [line.strip() for line in lines if line.strip()]
    repeated = sorted({i for i in ids if ids.count(i) > 1}) if len(set(ids)) < len(ids) else []
    if repeated:
        raise AqaError(f"{path}: ids that are listed twice: {listed(repeated)}")
    return ids


def load_arrays(path: Path) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """The array of a .npy, or those of a .npz by name; `AqaError` for any other file.

    No pickled object is read, and no memory is reserved for more numbers than the file can hold.
    """
    try:
        n_bytes = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return _read_members(archive, n_bytes)
        with path.open("rb") as file:
            return _read_array(file, n_bytes)
    except FileNotFoundError:
        raise AqaError(f"{path}: no such file") from None
    except Exception as error:  # NumPy and zipfile raise almost anything on damaged files
        raise AqaError(f"{path}: not a .npy or .npz file of numbers: {error}") from None


# One byte in a zip archive stands for at most so many.
_MOST_DEFLATED = 1032
# Numbers that were measured do not shrink so far: what does is not read where it is large.
_MOST_COMPRESSED, _LARGE = 100, 64 << 20


def _names(archive: zipfile.ZipFile, n_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """The members by their names as arrays; `ValueError` for an archive of odd names or sizes."""
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if not name or info.is_dir():
            raise ValueError(f"a member called {info.filename!r}, which names no array")
        if name in found:
            raise ValueError(f"two members called {name!r}, with or without .npy")
        found[name] = info
    stored = sum(info.compress_size for info in found.values())
    if stored > n_bytes:
        raise ValueError(f"its members take {stored} bytes, the file has {n_bytes}")
    return found


def _read_members(archive: zipfile.ZipFile, n_bytes: int) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {}
    left = max(_LARGE, _MOST_COMPRESSED * n_bytes)
    for name, info in _names(archive, n_bytes).items():
        with archive.open(info) as file:
            found[name] = _read_array(file, min(info.file_size, _MOST_DEFLATED * n_bytes), left)
        left -= found[name].nbytes
    return found


def _read_array(file: IO[bytes], n_bytes: int, most: int | None = None) -> NDArray[Any]:
    """The array in a file of `n_bytes`; `ValueError` where its header asks for more, or objects.

    most: bytes that the array may take at most, where the file is compressed.
    """
    header = _HEADERS.get(np.lib.format.read_magic(file))
    if header is None:
        raise ValueError("a version of the format that holds no plain numbers")
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    held, declared = n_bytes - file.tell(), math.prod(shape) * dtype.itemsize
    if not 0 <= declared <= held:
        raise ValueError(f"shape {shape} of {dtype} takes {declared} bytes, it holds {held}")
    if most is not None and declared > most:
        raise ValueError(f"it unpacks to {declared} bytes and more, which no features do")
    if not dtype.itemsize or any(n < 0 for n in shape):
        raise ValueError(f"shape {shape} of {dtype} is none of numbers")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_arrays(path: Path, ids: list[str] | None) -> dict[str, NDArray[np.floating]]:
    """Read features by video id.

    `.npy`: (videos, dim) or (videos, clips, dim), its rows in the order of `ids`. `.npz`: one
    array (clips, dim) per id; `ids` then selects and orders them. A `.npz` with a single array of
    three axes, whose name is not in `ids`, is read as a `.npy`. Pickled objects are refused.
    """
    arrays = load_arrays(path)
    if not isinstance(arrays, dict):
        return _rows(path, arrays, ids)
    joint = [a for name, a in arrays.items() if a.ndim == 3 and name not in (ids or ())]
    if len(arrays) == len(joint) == 1:
        return _rows(path, joint[0], ids)
    missing = [i for i in ids or () if i not in arrays]
    if missing:
        raise AqaError(f"{path}: no array for {len(missing)} of the ids: {listed(missing)}")
    return {i: _numbers(path, i, arrays[i]) for i in ids or arrays}


def _rows(
    path: Path, array: NDArray[np.floating], ids: list[str] | None
) -> dict[str, NDArray[np.floating]]:
    if ids is None:
        raise AqaError(f"{path}: it does not name its videos; give their ids, in order, with --ids")
    if array.ndim not in (2, 3):
        raise AqaError(
            f"{path}: shape {array.shape}; expected (videos, dim) or (videos, clips, dim)"
        )
    if len(array) != len(ids):
        raise AqaError(f"{path}: {len(array)} rows for {len(ids)} ids")
    return {i: _numbers(path, i, row) for i, row in zip(ids, array, strict=True)}


def _numbers(path: Path, video_id: str, array: NDArray[np.floating]) -> NDArray[np.floating]:
    if not isinstance(array, np.ndarray) or not array.ndim or not array.size:
        raise AqaError(f"{path}: what it has for {video_id!r} is not an array of features")
    if array.dtype.kind not in "fiu":
        raise AqaError(f"{path}: the array of {video_id!r} is of {array.dtype}, not of numbers")
    return array


def write_arrays(store: FeatureStore, path: Path) -> list[Path]:
    """Write the features of a store, under one augmentation; returns the files written.

    `.npz`: one array per id. `.npy`: (videos, clips, dim), where every video has the same number
    of clips, and beside it the ids in a file ending in `.ids.txt`. `EndingError` for other endings.
    """
    if path.suffix not in (".npz", ".npy"):
        raise EndingError(
            f"{path}: export to .npz, or to .npy where all videos have the same number of clips"
        )
    arrays = dict(zip(store.ids, store.load(store.ids), strict=True))
    if path.suffix == ".npz":
        # Not np.savez, which would take ids such as `file` for its own arguments.
        with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for video_id, array in arrays.items():
                with archive.open(f"{video_id}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        return [path]
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1:
        raise AqaError(
            f"{store.path}: videos have {min(counts)} to {max(counts)} clips, which a .npy cannot "
            "hold; export to .npz"
        )
    ids, text = path.with_suffix(".ids.txt"), "".join(f"{i}\n" for i in arrays)
    if path.exists() and ids.exists() and ids.read_bytes() != text.encode("utf-8"):
        ids.unlink()  # so that a kill never leaves features beside the ids of others
        sync(ids.parent)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, np.stack(list(arrays.values())), allow_pickle=False)
    write_text(ids, text)
    return [path, ids]

"""Opening a store's file, of whatever bytes: it is refused unless it is what the writer writes.

Nothing is read, and no memory is reserved, for an array before its kind, its place and its length
are known to fit the file. No other file is ever opened: a store with links, external storage or
virtual arrays is refused.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.errors import listed
from aqa.features.store.format import (
    FIRST_TABLES,
    FORMAT,
    LATER_TABLES,
    VERSION,
    Kind,
    VideoTable,
    kinds,
    store_checksum,
)
from aqa.features.store.skeleton import Texts
from aqa.features.store.spec import Spec, StoreError, augmentations_of, spec_problems
from aqa.features.store.structure import SIGNATURE, StructureError, check_structure

_Result = TypeVar("_Result")
_ATTRIBUTES = {"format", "version", "spec", "provenance"}
_ARRAYS = {"features", "clips", "count", *(f"videos/{n}" for n in ("id", *FIRST_TABLES))}
_LATER_ARRAYS = {"count_check", *(f"videos/{n}" for n in LATER_TABLES)}
# What is told by `problems` where it is missing, since the rest can still be looked at.
_ROWS = ("features", "clips")


class CheckedFile:
    """A store's open file, of which all but the rows was checked.

    spec, provenance: what it says of itself; `texts` as it stands in the file. videos: its tables.
    problems: one line for each thing that does not fit; `rows` refuses to read where there is one.
    """

    def __init__(self, path: Path, file: h5py.File):
        self.path = path
        self._file = file
        self._arrays = _find_arrays(file)
        self.is_covered = set(self._arrays) >= _LATER_ARRAYS
        self.texts = _read_texts(file, self._arrays, self.is_covered)
        self.spec: Spec = json.loads(self.texts.spec)
        self.provenance: dict[str, Any] = json.loads(self.texts.provenance)
        _check_spec(self.spec)
        if not isinstance(self.provenance, dict):
            raise ValueError("its provenance is not a JSON object")
        self._kinds = kinds(self.spec, len(augmentations_of(self.spec)))
        self.problems = list(self._wrong_kinds())
        # Whether rows can be read at all, as they are described.
        self.can_be_read = not self.problems
        self._check_blank()
        self.videos = self._read_videos()
        if self.can_be_read:
            self.problems += self._wrong_lengths()
            self.can_be_read = not self.problems
            self.problems += self._wrong_counts()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def rows(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """Rows of `features` or `clips`; `StoreError` where the store is damaged."""
        self.refuse_problems()
        return self.rows_at_all(name, start, stop)

    def rows_at_all(self, name: str, start: int, stop: int) -> NDArray[Any]:
        """The same of a store with problems."""
        return guarded(self.path, lambda: _read_rows(self.path, self._arrays[name], start, stop))

    @cached_property
    def clips(self) -> NDArray[np.int32]:
        """(rows, 2): the clips of all finished videos."""
        return self.rows("clips", 0, self.videos.n_rows)

    def refuse_problems(self) -> None:
        """Raise `StoreError` with the first problem, if there is one."""
        if self.problems:
            raise StoreError(
                f"{self.path}: a damaged feature store: {self.problems[0]}; extract it again"
            )

    def headers(self) -> dict[str, tuple[int, int, int]]:
        """Of each array: where its object header is, where it lies, and its bytes per row."""
        return {
            name: (
                int(h5py.h5o.get_info(array.id).addr),
                int(array.id.get_offset() or 0),
                math.prod(array.shape[1:]) * int(array.dtype.itemsize),
            )
            for name, array in self._arrays.items()
        }

    def _wrong_kinds(self) -> Iterator[str]:
        """What is wrong with /features or /clips; `ValueError` for other arrays."""
        for name in _ROWS:
            if name not in self._arrays:
                yield f"/{name} is missing"
        for name, array in self._arrays.items():
            if name in self._kinds and (problem := _wrong_kind(array, self._kinds[name])):
                if name not in _ROWS:
                    raise ValueError(f"/{name} is {problem}")
                yield f"/{name} is {problem}"
        for name in ("count", "count_check"):
            if name in self._arrays and (self._arrays[name].shape, self._arrays[name].dtype) != (
                (),
                np.int64,
            ):
                raise ValueError(f"/{name} is not one int64")

    def _check_blank(self) -> None:
        blank, kind = self.texts.blank, self._kinds["features"]
        if blank is not None and (blank.shape, blank.dtype) != kind:
            raise ValueError(f"/blank is {blank.dtype} of shape {blank.shape}, not {kind}")

    def _read_videos(self) -> VideoTable:
        count = int(self._arrays["count"][()])
        names = (*FIRST_TABLES, *(LATER_TABLES if self.is_covered else ()))
        arrays = {name: self._arrays[f"videos/{name}"] for name in names}
        held = min(len(array) for array in (self._arrays["videos/id"], *arrays.values()))
        n = max(0, min(count, held))
        texts = _read_rows(self.path, self._arrays["videos/id"], 0, n)
        ids = tuple(bytes(i).decode() for i in texts)
        check = int(self._arrays["count_check"][()]) if self.is_covered else None
        tables = {name: _read_rows(self.path, a, 0, n) for name, a in arrays.items()}
        return VideoTable(count, check, ids, tables)

    def _wrong_lengths(self) -> Iterator[str]:
        """Arrays that are too short for what is counted."""
        videos = self.videos
        needed = dict.fromkeys(_ROWS, videos.n_rows)
        needed |= {name: videos.count for name in self._arrays if name.startswith("videos/")}
        for name, n in needed.items():
            if not 0 <= n <= len(self._arrays[name]):
                yield f"/{name} has {len(self._arrays[name])} rows, but {n} are counted"

    def _wrong_counts(self) -> Iterator[str]:
        """Counts and rows that do not fit together, and ids that stand there twice."""
        videos = self.videos
        if videos.count_check is not None and not self._count_is_sound():
            yield f"/count is {videos.count}, but /count_check is {videos.count_check}"
        if len(set(videos.ids)) < len(videos.ids):
            repeated = sorted({i for i in videos.ids if videos.ids.count(i) > 1})
            yield f"ids that are listed twice: {listed(repeated)}"
        flat = videos.rows.reshape(-1, 2)
        wrong = (flat[:, 0] != np.r_[0, flat[:-1, 1]]) | (flat[:, 1] <= flat[:, 0])
        if wrong.any():
            i, k = divmod(int(np.argmax(wrong)), videos.rows.shape[1])
            name = f"{videos.ids[i]} ({augmentations_of(self.spec)[k]})"
            before = int(flat[:-1, 1][np.argmax(wrong) - 1]) if np.argmax(wrong) else 0
            start, stop = (int(row) for row in videos.rows[i, k])
            yield f"{name}: rows {start}-{stop} do not follow row {before}"

    def _count_is_sound(self) -> bool:
        """Whether the count is what was written: a kill can leave the check one video behind."""
        ahead = self.videos.count - (self.videos.count_check or 0)
        last = len(self.videos.ids) - 1
        return ahead == 0 or (ahead == 1 and self.videos.record_is_sound(last))


def open_checked(path: Path) -> CheckedFile:
    """Open a store; `StoreError` where it is none, is of another version, or could do harm."""
    if not path.exists():
        raise StoreError(f"{path}: no such feature store; make it with `aqa extract`")
    if not path.is_file():
        raise StoreError(f"{path}: not a readable HDF5 file: it is no regular file")
    _check_signature(path)
    try:
        check_structure(path)
        file = h5py.File(path, "r")
    except StructureError as error:
        if error.is_store:
            raise StoreError(f"{path}: a damaged feature store: {error}") from None
        raise StoreError(
            f"{path}: an HDF5 file, but not a feature store of this project: {error}"
        ) from None
    except Exception as error:  # HDF5 and h5py raise almost anything on damaged files
        raise StoreError(f"{path}: not a readable HDF5 file: {_line(error)}") from None
    try:
        _check_version(path, file)
        return guarded(path, lambda: CheckedFile(path, file))
    except BaseException:
        file.close()
        raise


def _check_signature(path: Path) -> None:
    try:
        with path.open("rb") as file:
            found = file.read(len(SIGNATURE))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror or error}") from None
    if found != SIGNATURE:
        raise StoreError(f"{path}: not a readable HDF5 file: it does not begin as one")


def guarded(path: Path, read: Callable[[], _Result]) -> _Result:
    """What `read` gives; `StoreError` of one line where the file is damaged."""
    try:
        return read()
    except StoreError:
        raise
    except Exception as error:  # HDF5 and h5py raise almost anything on damaged files
        raise StoreError(f"{path}: a damaged feature store: {_line(error)}") from None


def _read_rows(path: Path, array: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
    """Rows of an array, where they lie in the file also those past the bytes of its layout.

    Earlier versions could go on with a store there, in what was left before the next array. HDF5
    gives other numbers for these, without an error.
    """
    stop = min(stop, len(array))
    row_bytes = math.prod(array.shape[1:]) * array.dtype.itemsize
    offset = array.id.get_offset()
    if offset is None or stop * row_bytes <= array.id.get_storage_size():
        rows: NDArray[Any] = array[start:stop]
        return rows
    shape = (max(0, stop - start), *array.shape[1:])
    first = offset + start * row_bytes
    values = np.fromfile(path, array.dtype, math.prod(shape), offset=first)
    return values.reshape(shape)


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _check_version(path: Path, file: h5py.File) -> None:
    form, version = guarded(path, lambda: [file.attrs.get(n) for n in ("format", "version")])
    if not isinstance(form, str) or form != FORMAT:
        raise StoreError(f"{path}: an HDF5 file, but not a feature store of this project")
    if not isinstance(version, int | np.integer) or version != VERSION:
        raise StoreError(f"{path}: store version {version}; this aqa reads version {VERSION}")


def _find_arrays(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All arrays of a store by name; `ValueError` where there is anything else."""
    arrays: dict[str, h5py.Dataset] = {}
    for name in _hard_links(file, {*_ARRAYS, *_LATER_ARRAYS, "blank", "videos"}):
        if name == "videos":
            videos = file[name]
            if not isinstance(videos, h5py.Group):
                raise ValueError("/videos is not a group")
            arrays |= {f"videos/{n}": videos[n] for n in _hard_links(videos, _TABLE_NAMES)}
        else:
            arrays[name] = file[name]
    missing = _ARRAYS.difference(arrays, _ROWS)
    if missing:
        raise ValueError(f"/{min(missing)} is missing")
    if (later := _LATER_ARRAYS.intersection(arrays)) and later != _LATER_ARRAYS:
        raise ValueError(f"/{min(_LATER_ARRAYS - later)} is missing")
    size = os.stat(file.filename).st_size
    for name, array in arrays.items():
        if problem := _refused(array, size):
            raise ValueError(f"/{name} {problem}")
    return arrays


_TABLE_NAMES = {n.removeprefix("videos/") for n in _ARRAYS | _LATER_ARRAYS if "/" in n}


def _hard_links(group: h5py.Group, known: set[str]) -> list[str]:
    """The names in a group; `ValueError` for one that is not known, or leads elsewhere."""
    names: list[str] = []
    for name in group:
        if name not in known or len(names) > len(known):
            raise ValueError(f"it holds {name!r}, which is no part of a store")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name!r} is a link to somewhere else")
        names.append(name)
    return names


def _refused(array: Any, size: int) -> str | None:
    """Why an array cannot be read, in a file of `size` bytes."""
    if not isinstance(array, h5py.Dataset):
        return "is not an array"
    properties = array.id.get_create_plist()
    if properties.get_layout() != h5py.h5d.CONTIGUOUS or properties.get_nfilters():
        return "is chunked, compressed or virtual; a store's arrays are plain"
    if properties.get_external_count():
        return "lies in another file"
    if array.shape is None or array.dtype.hasobject:
        return "holds no plain numbers"
    n_bytes, offset = math.prod(array.shape) * array.dtype.itemsize, array.id.get_offset()
    if n_bytes and (offset is None or offset + n_bytes > size):
        return f"of {n_bytes} bytes does not lie in the file, which has {size}"
    return None


def _wrong_kind(array: h5py.Dataset, kind: Kind) -> str | None:
    """How an array differs from what it is to be."""
    if not array.shape:
        return "one value, not rows"
    found, row = array.dtype, array.shape[1:]
    if kind.dtype is None:
        text = h5py.check_string_dtype(found)
        fits = text is not None and text.encoding == "utf-8" and text.length is not None
        fits = fits and not found.hasobject and found.itemsize >= 1
        return None if fits and row == () else f"{found} with rows of shape {row}, not UTF-8"
    if (row, found) == (kind.row, np.dtype(kind.dtype)):
        return None
    return f"{found} with rows of shape {row}, not {kind.dtype} with rows of shape {kind.row}"


def _read_texts(file: h5py.File, arrays: dict[str, h5py.Dataset], is_covered: bool) -> Texts:
    """What a store says of itself; `ValueError` where it is not what was written."""
    names = set(file.attrs)
    wanted = _ATTRIBUTES | ({"crc32"} if is_covered else set())
    if names != wanted:
        raise ValueError(f"its attributes are {', '.join(sorted(names))}, not those of a store")
    spec, provenance = file.attrs["spec"], file.attrs["provenance"]
    if not isinstance(spec, str) or not isinstance(provenance, str):
        raise ValueError("its spec and provenance are not texts")
    blank = arrays["blank"][()] if "blank" in arrays else None
    texts = Texts(spec, provenance, blank)
    if is_covered and file.attrs["crc32"] != store_checksum(*texts):
        raise ValueError("its spec, provenance or blank is not what was written (checksum)")
    return texts


def _check_spec(spec: Any) -> None:
    """Raise `ValueError` where a spec is not one."""
    problems = spec_problems(spec)
    if problems:
        raise ValueError(f"its spec: {'; '.join(problems)}")
    if len(set(augmentations_of(spec))) < len(augmentations_of(spec)):
        raise ValueError("its spec: views holds a name twice")

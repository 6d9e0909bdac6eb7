"""DeepLabCut's tables: x, y and likelihood of each body part, as CSV or as pandas writes HDF5.

Three rows above the numbers name scorer, bodyparts and coords; four where there are several
individuals, of whom the one with the largest sum of likelihoods is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from aqa.annotations.importing.pickles import plain_value
from aqa.errors import AqaError
from aqa.extract.poses.poses import Array, PoseError, Poses, seen_only
from aqa.extract.poses.text import numbers
from aqa.features.elsewhere.hdf5 import ReadingRoom, plain_item

_HEADERS = ("scorer", "individuals", "bodyparts", "coords")
_COORDS = ("x", "y", "likelihood")


def is_deeplabcut(rows: list[list[str]]) -> bool:
    """Whether the first rows of a table are named as DeepLabCut's."""
    named = [row[0] for row in rows[:4] if row]
    return named[:1] == ["scorer"] and "bodyparts" in named and "coords" in named


def read_deeplabcut(path: Path, rows: list[list[str]]) -> Poses:
    """The joints of a table with its rows of names."""
    heads = {row[0]: row[1:] for row in rows[:4] if row[0] in _HEADERS}
    body = rows[len(heads) :]
    if not body or {len(head) for head in heads.values()} != {len(rows[0]) - 1}:
        raise PoseError(f"{path}: no frames below the names, or names of another number of columns")
    table = numbers(path, body, 1 + len(heads))[:, 1:]
    if table.shape[1] != len(rows[0]) - 1:
        raise PoseError(f"{path}: {table.shape[1] + 1} columns of values, {len(rows[0])} of names")
    who = heads.get("individuals", [""] * len(heads["coords"]))
    return _of_columns(
        path, table, list(zip(who, heads["bodyparts"], heads["coords"], strict=True))
    )


def _of_columns(path: Path, table: Array, columns: Sequence[tuple[str, ...]]) -> Poses:
    """The joints of (frames, columns) with individual, body part and coordinate of each column."""
    at = {column: i for i, column in enumerate(columns)}
    bodies: dict[str, list[str]] = {}
    for who, part, _ in columns:
        parts = bodies.setdefault(who, [])
        parts += [] if part in parts else [part]
    found: list[tuple[float, Array, list[str]]] = []
    for who, parts in bodies.items():
        missing = [f"{part} {c}" for part in parts for c in _COORDS if (who, part, c) not in at]
        if missing:
            raise PoseError(f"{path}: no column for {missing[0]}")
        wanted = [at[who, part, c] for part in parts for c in _COORDS]
        joints = table[:, wanted].reshape(len(table), len(parts), 3)
        found.append((float(np.nansum(joints[..., 2])), joints, parts))
    _, joints, parts = max(found, key=lambda body: body[0])
    return Poses(seen_only(joints[..., :2], joints[..., 2]), tuple(parts))


def read_deeplabcut_hdf5(path: Path) -> Poses:
    """The joints of the one table of a file that pandas wrote, in its `table` or `fixed` format."""
    try:
        with h5py.File(path, "r") as file:
            names = list(file)
            group = plain_item(path, file, names[0]) if len(names) == 1 else None
            if not isinstance(group, h5py.Group):
                raise PoseError(f"{path}: {len(names)} tables, expected one of DeepLabCut")
            table, columns = _read_group(path, group)
    except AqaError:
        raise
    except Exception as error:  # HDF5 and h5py raise almost anything on damaged files
        raise PoseError(f"{path}: not a table of DeepLabCut: {error}") from None
    if any(len(column) not in (3, 4) for column in columns):
        raise PoseError(f"{path}: columns are not named by scorer, bodyparts and coords")
    if table.ndim != 2 or table.shape[1] != len(columns):
        raise PoseError(f"{path}: values of shape {table.shape}, {len(columns)} names of columns")
    named = [("", *column[1:]) if len(column) == 3 else tuple(column[1:]) for column in columns]
    return _of_columns(path, table.astype(np.float64), named)


def _read_group(path: Path, group: Any) -> tuple[NDArray[Any], list[tuple[str, ...]]]:
    """Values (frames, columns) and the names of the columns."""
    room = ReadingRoom.of(path)

    def read(name: str, kinds: str, what: str) -> NDArray[Any]:
        item = plain_item(path, group, name)
        if not isinstance(item, h5py.Dataset):
            raise PoseError(f"{path}: not a table of DeepLabCut: no array {name}")
        return room.read_any(item, kinds, what)

    if "table" in group:
        rows = read("table", "V", "rows")
        if "values_block_0" not in (rows.dtype.names or ()):
            raise PoseError(f"{path}: its table has no values_block_0")
        coded = group["table"].attrs["values_block_0_kind"]
        columns = plain_value(bytes(coded), path)
        return _floats(path, rows["values_block_0"]), [tuple(map(str, c)) for c in columns]
    levels = range(min(int(group.attrs["block0_items_nlevels"]), 4))
    names = [
        [level.decode("utf-8") for level in read(f"block0_items_level{i}", "S", "names")]
        for i in levels
    ]
    labels = [read(f"block0_items_label{i}", "iu", "numbers") for i in levels]
    columns = [
        tuple(names[i][int(at[j])] for i, at in enumerate(labels)) for j in range(len(labels[0]))
    ]
    return _floats(path, read("block0_values", "f", "numbers")), columns


def _floats(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind != "f" or values.ndim != 2:
        raise PoseError(f"{path}: values of {values.dtype} {values.shape}, expected numbers")
    return values

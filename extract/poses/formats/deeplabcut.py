"""DeepLabCut's tables: x, y and likelihood of each body part, as CSV or as pandas writes HDF5.

Three rows above the numbers name scorer, bodyparts and coords; four where there are several
individuals, of whom the one with the largest sum of likelihoods is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aqa.annotations.importing.pickles import plain_value
from aqa.extract.poses.poses import Array, PoseError, Poses, seen_only
from aqa.extract.poses.text import MOST_BYTES, numbers

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
    import h5py

    try:
        with h5py.File(path, "r") as file:
            groups = [file[name] for name in file if isinstance(file[name], h5py.Group)]
            if len(groups) != 1:
                raise PoseError(f"{path}: {len(groups)} tables, expected one of DeepLabCut")
            table, columns = _read_group(path, groups[0])
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise PoseError(f"{path}: not a table of DeepLabCut: {error}") from None
    if any(len(column) not in (3, 4) for column in columns):
        raise PoseError(f"{path}: columns are not named by scorer, bodyparts and coords")
    if table.shape[1] != len(columns):
        raise PoseError(f"{path}: {table.shape[1]} columns of values, {len(columns)} names")
    named = [("", *column[1:]) if len(column) == 3 else tuple(column[1:]) for column in columns]
    return _of_columns(path, table, named)


def _read_group(path: Path, group: Any) -> tuple[Array, list[tuple[str, ...]]]:
    """Values (frames, columns) and the names of the columns."""
    values = group["table"] if "table" in group else group["block0_values"]
    if values.size * values.dtype.itemsize > MOST_BYTES:
        raise PoseError(f"{path}: {values.shape} values, more than joints of one video have")
    if "table" in group:
        if "values_block_0" not in (values.dtype.names or ()):
            raise PoseError(f"{path}: its table has no values_block_0")
        columns = plain_value(bytes(values.attrs["values_block_0_kind"]), path)
        return _floats(path, values["values_block_0"]), [tuple(map(str, c)) for c in columns]
    levels = int(group.attrs["block0_items_nlevels"])
    names = [
        [level.decode("utf-8") for level in group[f"block0_items_level{i}"][()]]
        for i in range(min(levels, 4))
    ]
    labels = [group[f"block0_items_label{i}"][()] for i in range(min(levels, 4))]
    columns = [
        tuple(names[i][int(at[j])] for i, at in enumerate(labels)) for j in range(len(labels[0]))
    ]
    return _floats(path, values[()]), columns


def _floats(path: Path, values: Any) -> Array:
    if values.dtype.kind != "f" or values.ndim != 2:
        raise PoseError(f"{path}: values of {values.dtype} {values.shape}, expected numbers")
    return np.asarray(values, np.float64)

"""Text, JSON and tables of joints, read up to a size that joints of one video do not reach."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from aqa.extract.poses.poses import Array, PoseError

# Of one file: an hour of 33 landmarks at 30 frames per second is 0.3 GB as JSON.
MOST_BYTES = 512 << 20


def read_text(path: Path) -> str:
    """The text of a file; `PoseError` where it is too large or no text."""
    n_bytes = path.stat().st_size
    if n_bytes > MOST_BYTES:
        raise PoseError(
            f"{path}: {n_bytes} bytes, more than the {MOST_BYTES} of joints that are read from one "
            "file; give one file per video"
        )
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PoseError(f"{path}: not text: {error}") from None


def load_json(path: Path) -> Any:
    """The value of a JSON file."""
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PoseError(f"{path}: not JSON: {error}") from None


def read_rows(path: Path) -> list[list[str]]:
    """The cells of a table's rows, those without any left out.

    Cells are separated by commas, semicolons, tabs or blanks: the first of these in the first row.
    """
    text = read_text(path)
    first = text.lstrip().partition("\n")[0]
    mark = next((mark for mark in ",;\t" if mark in first), " ")
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise PoseError(f"{path}: an empty file")
    if mark == " ":
        return [line.split() for line in lines]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    except csv.Error as error:
        raise PoseError(f"{path}: not a table: {error}") from None
    # A mark at the end of each row is no column.
    if all(row and row[-1] == "" for row in rows):
        rows = [row[:-1] for row in rows]
    return rows


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, or nothing, or `nan`."""
    if cell == "":
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True


def numbers(path: Path, rows: list[list[str]], first: int = 1) -> Array:
    """Cells as numbers, (rows, columns), NaN where empty; first: the number of the first row."""
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        wrong = next(i for i, row in enumerate(rows) if len(row) != len(rows[0]))
        raise PoseError(
            f"{path}: row {first + wrong} has {len(rows[wrong])} columns, row {first} has "
            f"{len(rows[0])}"
        )
    try:
        return np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
    except ValueError:
        for i, row in enumerate(rows):
            for cell in row:
                if not is_number(cell):
                    raise PoseError(f"{path}: row {first + i}: {cell!r} is no number") from None
        raise

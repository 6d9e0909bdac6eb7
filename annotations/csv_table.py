"""Reading CSV tables strictly: UTF-8, commas, every record with its own text."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from aqa.annotations.columns import REQUIRED
from aqa.errors import AqaError


def read_table(
    path: Path, required: Sequence[str] = REQUIRED
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header of a CSV file, and (row number, values) of its rows; blank rows are left out.

    required: columns that it must have, for messages.
    """
    records = enumerate(read_records(path, read_text(path)), start=1)
    numbered = [(number, values) for number, (values, _) in records if any(values)]
    if not numbered:
        raise AqaError(f"{path}: it is empty; its first row must name {', '.join(required)}")
    return numbered[0][1], numbered[1:]


def read_text(path: Path) -> str:
    """The text of a CSV file without its byte order mark; `AqaError` where it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise AqaError(
            f"{path}: no such manifest; write a CSV with the columns {', '.join(REQUIRED)}, "
            "or name it with --manifest"
        ) from None
    except UnicodeDecodeError as error:
        raise AqaError(
            f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8 (in Excel: Save As, "
            "CSV UTF-8)"
        ) from None
    except OSError as error:
        raise AqaError(f"{path}: cannot be read: {error.strerror}") from None


def read_records(path: Path, text: str, separator: str = ",") -> list[tuple[list[str], str]]:
    """The records of a CSV text: their values, stripped, and their own text with its line end."""
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True, delimiter=separator)
    records, done = [], 0
    try:
        for values in reader:
            records.append(
                ([value.strip() for value in values], "".join(lines[done : reader.line_num]))
            )
            done = reader.line_num
    except csv.Error as error:
        raise AqaError(f"{path}: line {reader.line_num}: not CSV: {error}") from None
    return records

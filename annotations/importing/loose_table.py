"""Tables as spreadsheets and authors save them: what separates their columns is found out.

Commas, semicolons, tabs, bars, or blanks in any number; decimal commas where columns are not
separated by commas. What was found is told, unless it is a plain CSV file.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aqa.annotations.columns import JUDGE_PREFIX
from aqa.annotations.csv_table import read_records, read_text
from aqa.annotations.importing.checks import check_size
from aqa.errors import AqaError, listed

# What may separate columns, as it is told; a table is taken for the first of those that fit best.
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_BLANKS = "blanks"
_FIELD = re.compile(r'"(?:[^"]|"")*"|[^\s"]\S*')
_WHOLE_OR_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+(,[0-9]+)?")
# Columns of numbers that are written with a decimal comma in many countries.
_NUMBERS = ("score", "difficulty", "execution", "somersaults", "twists", "score_", JUDGE_PREFIX)

# What stands in a table where there is no value.
NO_VALUE = ("", "-", "?", "na", "n/a", "nan", "none", "null")

Rows = list[tuple[int, list[str]]]


@dataclass(frozen=True)
class LooseTable:
    """A table as it was understood: names of the columns, (row number, values), what to tell.

    separator: what separates the columns, in words. unnamed: those whose name is their number.
    """

    header: list[str]
    rows: Rows
    separator: str
    unnamed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_loose_table(path: Path, names: Sequence[str] = ()) -> LooseTable:
    """Read a table with a header; `AqaError` where it is empty or no text.

    names: of the columns, for a table that has no header. Columns without a name get their number.
    """
    try:
        check_size(path)
    except OSError as error:
        raise AqaError(f"{path}: {error.strerror}") from None
    separator, rows = _best(_readings(path, _text(path)))
    if not rows:
        raise AqaError(f"{path}: it is empty")
    header = list(names) if names else rows[0][1]
    unnamed = tuple(str(number) for number, name in enumerate(header, start=1) if not name)
    header = [name or str(number) for number, name in enumerate(header, start=1)]
    notes = [] if separator == "commas" else [f"{path}: its columns are separated by {separator}"]
    return LooseTable(header, rows if names else rows[1:], separator, unnamed, tuple(notes))


def _text(path: Path) -> str:
    """The text of a table: UTF-8 or, as Excel's "Unicode text" is, UTF-16 with its mark."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        raise AqaError(f"{path}: a spreadsheet, not a text; save its table as CSV (UTF-8)")
    if start[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return read_text(path)
    try:
        return path.read_bytes().decode("utf-16")
    except UnicodeDecodeError as error:
        raise AqaError(f"{path}: byte {error.start} is not UTF-16; save it as UTF-8") from None


def _readings(path: Path, text: str) -> dict[str, Rows]:
    """What the table would be with each separator; those that are not possible are left out."""
    readings, problem = {}, None
    for separator, words in _SEPARATORS.items():
        try:
            records = read_records(path, text, separator)
        except AqaError as error:
            problem = problem or error
            continue
        readings[words] = _numbered([values for values, _ in records])
    lines = [[_unquoted(field) for field in _FIELD.findall(line)] for line in text.splitlines()]
    readings[_BLANKS] = _numbered(lines)
    if problem is not None and max(map(_fit, readings.values())) == (0, 0):
        raise problem
    return readings


def _numbered(records: list[list[str]]) -> Rows:
    return [(number, values) for number, values in enumerate(records, 1) if any(values)]


def _unquoted(field: str) -> str:
    return next(csv.reader([field]))[0] if field.startswith('"') else field


def _best(readings: dict[str, Rows]) -> tuple[str, Rows]:
    """The reading whose rows are most often as long as the first, which has several columns."""
    first = next(iter(readings))
    best = max(readings, key=lambda words: (_fit(readings[words]), words != _BLANKS))
    return (best if _fit(readings[best]) > (0, 0) else first), readings[best]


def _fit(rows: Rows) -> tuple[float, int]:
    """The share of rows that are as long as the first one, and that length; (0, 0): no table."""
    if not rows or len(rows[0][1]) < 2:
        return 0, 0
    width = len(rows[0][1])
    return sum(len(values) == width for _, values in rows) / len(rows), width


def with_decimal_points(table: LooseTable, path: Path, numbers: Collection[str] = ()) -> LooseTable:
    """The same table with decimal points, in the columns of numbers that have decimal commas.

    numbers: columns that hold numbers too, beside those whose names say so.
    """
    if table.separator == "commas":
        return table
    changed = []
    rows = [(number, list(values)) for number, values in table.rows]
    for at, name in enumerate(table.header):
        texts = [values[at] for _, values in rows if len(values) > at]
        cells = [text for text in texts if text.lower() not in NO_VALUE]
        of_numbers = name.startswith(_NUMBERS) or name in numbers
        if not of_numbers or not any("," in cell for cell in cells):
            continue
        if all(_WHOLE_OR_DECIMAL_COMMA.fullmatch(cell) for cell in cells):
            changed.append(name)
            for _, values in rows:
                if len(values) > at:
                    values[at] = values[at].replace(",", ".")
    notes = [f"{path}: decimal commas in {listed(changed)}"] if changed else []
    return replace(table, rows=rows, notes=(*table.notes, *notes))

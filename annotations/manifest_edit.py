"""Setting columns of an existing manifest; every other byte of the table stays as it was."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from aqa.annotations.csv_table import read_records, read_text
from aqa.errors import AqaError
from aqa.files import changing, write_bytes

# One field of a record, quotes and all; as in the csv module, a quote counts at its beginning.
_FIELD = re.compile(r'"(?:[^"]|"")*"|[^,]*')


def set_columns(
    path: Path,
    columns: Mapping[str, Mapping[str, str]],
    *,
    replace: bool = False,
    remove: Collection[str] = (),
) -> None:
    """Set columns of a manifest, in one step, while no other process of ours changes it.

    The parameters, and what is refused, as in `changed_columns`.
    """
    with changing(path):
        changed = changed_columns(path, columns, replace=replace, remove=remove)
        write_bytes(path, changed, keep_mode=True)


def changed_columns(
    path: Path,
    columns: Mapping[str, Mapping[str, str]],
    *,
    replace: bool = False,
    remove: Collection[str] = (),
) -> bytes:
    """The bytes of a manifest with these columns set.

    columns: name -> video id -> value; videos that are not named get an empty value. Neither
    names nor values may need quotes. replace: overwrite columns that the table has already;
    without it they are an `AqaError`. remove: columns to delete, where the table has them.
    """
    records = read_records(path, read_text(path))
    header = next(values for values, _ in records if any(values))
    if (standing := [name for name in columns if name in header]) and not replace:
        raise AqaError(f"{path}: it has a column {standing[0]} already; replace it with --force")
    id_at = header.index("video_id")
    lines, is_header = [], True
    for values, text in records:
        if any(values):
            cells = {
                name: name if is_header else by_id.get(values[id_at], "")
                for name, by_id in columns.items()
            }
            text = _with_cells(text, header, cells, remove)
            is_header = False
        lines.append(text)
    mark = codecs.BOM_UTF8 if path.read_bytes().startswith(codecs.BOM_UTF8) else b""
    return mark + "".join(lines).encode("utf-8")


def _with_cells(
    text: str, header: list[str], cells: Mapping[str, str], remove: Collection[str]
) -> str:
    """A record with these cells in place of those of the same columns; new ones at its end."""
    body = text.rstrip("\r\n")
    fields = dict(zip(header, _fields(body), strict=True)) | dict(cells)
    kept = {name: field for name, field in fields.items() if name not in remove}
    return ",".join(kept.values()) + text[len(body) :]


def _fields(body: str) -> list[str]:
    """The fields of a record as they are written, with their quotes."""
    fields, position = [], 0
    while position <= len(body):
        match = _FIELD.match(body, position)
        assert match is not None  # a field may be empty
        fields.append(match[0])
        position = match.end() + 1
    return fields

"""Drawn splits on disk: columns of the manifest, and a record of how they were drawn beside it.

Two files cannot be replaced in one step. So what is going to be written is noted down first, beside
the record; the next process that writes splits finds the note of one that was killed, and finishes
its record where the columns were written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.csv_table import read_table
from aqa.annotations.manifest_edit import changed_columns
from aqa.annotations.split_protocols import DrawnSplits
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError
from aqa.files import changing, sync, write_bytes, write_json
from aqa.temporaries import hidden_name

Columns = Mapping[str, Mapping[str, str]]  # name -> video id -> part


def record_path(manifest: Path) -> Path:
    """The file that records how splits were drawn: manifest.splits.json beside manifest.csv."""
    return manifest.with_suffix(".splits.json")


def write_splits(manifest: Path, drawn: DrawnSplits, force: bool = False) -> None:
    """Write splits into the columns split_<name> of a manifest, and record how they were drawn.

    Every other byte of the manifest stays. A column that exists is an `AqaError`; `force` replaces
    it, and removes the columns of an earlier draw of the same name. After a kill the same call
    goes through, with the same result. Several processes may write splits at once.
    """
    if drawn.base is None:
        return
    path = record_path(manifest)
    note = hidden_name(path, ".unfinished")
    columns = {
        f"{SPLIT_PREFIX}{split.name}": {i: part for part in PARTS for i in split.part(part)}
        for split in drawn.splits
    }
    plan = json.loads(json.dumps({"name": drawn.base, "record": drawn.record, "columns": columns}))
    with changing(manifest):
        finished = _finish(manifest, path, note)
        if finished and plan.items() <= finished.items():
            return
        records = _read_records(path)
        earlier = records.get(drawn.base, {}).get("splits", ()) if force else ()
        stale = [name for name in (f"{SPLIT_PREFIX}{e}" for e in earlier) if name not in columns]
        changed = changed_columns(manifest, columns, replace=force, remove=stale)
        write_json(note, {**plan, "removed": stale})
        write_bytes(manifest, changed, keep_mode=True)
        _record(path, note, plan)


def _finish(manifest: Path, path: Path, note: Path) -> Any:
    """Finish what a killed process has begun, if its columns are written; gives its plan then."""
    if not note.exists():
        return None
    plan = None
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        plan = json.loads(note.read_text(encoding="utf-8"))
        if not _holds(manifest, plan["columns"], plan["removed"]):
            plan = None
    if plan is None:
        note.unlink()
    else:
        _record(path, note, plan)
    return plan


def _record(path: Path, note: Path, plan: Mapping[str, Any]) -> None:
    write_json(path, {**_read_records(path), plan["name"]: plan["record"]})
    note.unlink()
    sync(note.parent)


def _holds(manifest: Path, columns: Columns, removed: Collection[str]) -> bool:
    """Whether a manifest has these columns, with these values, and not those that were removed."""
    header, rows = read_table(manifest)
    if not set(columns) <= set(header) or set(removed) & set(header):
        return False
    cells = [dict(zip(header, values, strict=False)) for _, values in rows]
    return all(
        row.get(name, "") == by_id.get(row["video_id"], "")
        for row in cells
        for name, by_id in columns.items()
    )


def _read_records(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise AqaError(f"{path}: cannot be read: {error}; move it away") from None
    if not isinstance(records, dict) or not all(
        isinstance(one, dict) and isinstance(one.get("splits", {}), dict)
        for one in records.values()
    ):
        raise AqaError(f"{path}: not a record of splits; move it away")
    return records

"""Drawn splits on disk: columns of the manifest, and a record of how they were drawn beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aqa.annotations.columns import SPLIT_PREFIX
from aqa.annotations.manifest_edit import set_columns
from aqa.annotations.split_protocols import DrawnSplits
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError
from aqa.files import write_json


def record_path(manifest: Path) -> Path:
    """The file that records how splits were drawn: manifest.splits.json beside manifest.csv."""
    return manifest.with_suffix(".splits.json")


def write_splits(manifest: Path, drawn: DrawnSplits, force: bool = False) -> None:
    """Write splits into the columns split_<name> of a manifest, and record how they were drawn.

    Every other byte of the manifest stays. A column that exists is an `AqaError`; `force` replaces
    it, and removes the columns of an earlier draw of the same name.
    """
    if drawn.base is None:
        return
    path = record_path(manifest)
    records = _read_records(path)
    columns = {
        f"{SPLIT_PREFIX}{split.name}": {i: part for part in PARTS for i in split.part(part)}
        for split in drawn.splits
    }
    earlier = records.get(drawn.base, {}).get("splits", ()) if force else ()
    stale = [f"{SPLIT_PREFIX}{name}" for name in earlier]
    records[drawn.base] = drawn.record
    set_columns(manifest, columns, replace=force, remove=[s for s in stale if s not in columns])
    write_json(path, records)


def _read_records(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AqaError(f"{path}: cannot be read: {error}; move it away") from None
    if not isinstance(records, dict) or not all(isinstance(r, dict) for r in records.values()):
        raise AqaError(f"{path}: not a record of splits; move it away")
    return records

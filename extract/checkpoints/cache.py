"""The folder that checkpoints are kept in, and what is known of each file there.

Beside a checkpoint lies `<file>.json`: what it is, where it is from, its size and SHA-256.
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

from aqa.extract.checkpoints.records import Checkpoint
from aqa.files import WriteError, write_json

_OFFLINE = "AQA_OFFLINE"


def default_cache() -> Path:
    """Where checkpoints are kept: `$AQA_CACHE`, else `aqa` in the user's cache folder."""
    if os.environ.get("AQA_CACHE"):
        return Path(os.environ["AQA_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aqa"


def offline() -> bool:
    """Whether `$AQA_OFFLINE` forbids downloads."""
    return os.environ.get(_OFFLINE, "").strip().lower() not in ("", "0", "no", "false", "off")


def write_note(path: Path, checkpoint: Checkpoint, sha256: str, source: str) -> None:
    """Record what a file of the cache is. source: the address it came from, or `by hand`."""
    note = {
        "checkpoint": checkpoint.name,
        "source": source,
        "published": checkpoint.url,
        "licence": checkpoint.licence,
        "pretraining": checkpoint.pretraining,
        "size": path.stat().st_size,
        "sha256": sha256,
        "published_sha256": checkpoint.sha256,
        "recorded": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    try:
        write_json(_note_path(path), note)
    except WriteError:
        # A folder that several share may be read-only. What was found is recorded with every store
        # all the same; only later changes of the file stay unnoticed.
        return


def read_note(path: Path) -> dict[str, Any] | None:
    """What is recorded of a checkpoint file; None where there is no readable note beside it."""
    try:
        note = json.loads(_note_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) else None


def _note_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")

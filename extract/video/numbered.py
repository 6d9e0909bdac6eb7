"""Numbered files of one video among those of others: `labels/dive_*.txt`, * being a number."""

from __future__ import annotations

import os
import re
from pathlib import Path


def is_numbered(path: Path) -> bool:
    """Whether a path stands for several files, by a * in its name."""
    return path.name.count("*") == 1


def numbered_files(path: Path) -> list[Path]:
    """The files that `path` stands for, in order of their names; `FileNotFoundError` for none."""
    before, _, after = path.name.partition("*")
    whole = re.compile(f"{re.escape(before)}[0-9]+{re.escape(after)}")
    with os.scandir(path.parent) as entries:
        names = sorted(
            entry.name
            for entry in entries
            if entry.name.startswith(before) and whole.fullmatch(entry.name)
        )
    if not names:
        raise FileNotFoundError(f"{path}: no such files, * being a number")
    return [path.with_name(name) for name in names]

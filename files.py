"""Writing files: everything of ours is written through this module.

A file or a folder is written under a hidden name beside its place and then put there in one step,
after its bytes have reached the disk. So nobody ever sees half of one, and an error or a kill
leaves what was there before.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aqa.errors import AqaError

if TYPE_CHECKING:
    import filelock

# What a picture can be written as: the endings of the file's name.
PICTURES = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """Raise `AqaError` for a picture whose name has another ending."""
    if path.suffix.lower() not in PICTURES:
        raise AqaError(
            f"{path}: pictures are written as PNG, SVG or PDF; name a file that ends in "
            f"{', '.join(PICTURES[:-1])} or {PICTURES[-1]}"
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write a file at; on success that file replaces `path` in one step.

    Folders above it are made. On an error `path` stays as it was, and the temporary file goes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Like `replacing`, for a folder: yields an empty one, which then replaces `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    shutil.rmtree(temporary, ignore_errors=True)  # left by a killed process of the same number
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            old = temporary.with_suffix(".old")
            shutil.rmtree(old, ignore_errors=True)
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text in one step; its line ends stay as they are."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON in one step."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as CSV in one step; the columns are all keys, in the order they first appear."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def lock_of(path: Path) -> filelock.FileLock:
    """The lock of a file or folder that one process alone may write: a hidden file beside it."""
    import filelock

    return filelock.FileLock(path.with_name(f".{path.name}.lock"))


def temporary_name(path: Path) -> Path:
    """The hidden name beside `path` under which this process writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def sync(path: Path) -> None:
    """Wait until the bytes of a file are on the disk."""
    with path.open("r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())

"""Writing files so that nobody ever sees half of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aqa.errors import AqaError

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
    """Yield a path to write a file at; on success it becomes `path` in one step.

    On an error what stood at `path` still stands, and the half-written file is removed.
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
    """Like `replacing`, for a folder: yields an empty one; on success it becomes `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    shutil.rmtree(temporary, ignore_errors=True)  # of a killed process of the same number
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


def temporary_name(path: Path) -> Path:
    """The hidden name beside `path` under which this process writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def sync(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Marks of files in a cache that are being fetched or read, so that nobody deletes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from aqa.temporaries import temporary_name


@contextmanager
def in_use(
    folder: Path, key: str, changing: Callable[[], AbstractContextManager[object]]
) -> Iterator[Path]:
    """Mark what belongs to a key as in use; yields the mark, which is a file.

    changing: the lock that whoever deletes holds too. A mark of a process that is gone, by a kill,
    is cleaned with the other temporary files of such processes.
    """
    mark = temporary_name(folder / key, ".use")
    with changing():
        mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)

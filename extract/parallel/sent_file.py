"""A file of the first machine that workers on other machines of a Ray cluster need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aqa.files import sha256_of, write_bytes


class SentFile(NamedTuple):
    """A file, such as one that a network is made from, which other machines may not have.

    path: where it is on the first machine. fetch: gives its bytes, from the memory that all workers
    of one machine share. beside: files that are read with it, such as the hub's `config.json`.
    """

    path: str
    sha256: str
    fetch: Callable[[], bytes]
    beside: tuple[SentFile, ...] = ()

    def here(self, folder: Path) -> str:
        """The path of the file on this machine; it is written to `folder` where it is not there."""
        if Path(self.path).is_file() and sha256_of(Path(self.path)) == self.sha256:
            return self.path
        for file in (self, *self.beside):
            write_bytes(folder / Path(file.path).name, file.fetch())
        return str(folder / Path(self.path).name)


def sent_file(ray: Any, path: Path) -> SentFile:
    """A file whose bytes lie in the cluster's memory from now on. ray: the module, connected."""
    content = path.read_bytes()
    fetch: Callable[[], bytes] = partial(ray.get, ray.put(content))
    return SentFile(str(path), hashlib.sha256(content).hexdigest(), fetch)

"""The file of an int8 network, which lies beside the stores whose features it computed.

It is named in their specs, with its SHA-256: a new video is encoded by the same network or by none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aqa.features.store.spec import StoreError
from aqa.files import write_bytes

# The largest file that is read: networks have less than 1 GB.
_MOST_BYTES = 4 << 30


class NetworkFile(NamedTuple):
    """An int8 network in a file. sha256: of the file."""

    path: Path
    sha256: str

    def read(self) -> bytes:
        """Its bytes; `StoreError` where the file is not there, or is another by now."""
        if not self.path.is_file():
            raise StoreError(
                f"{self.path}: no such file: it holds the int8 network that features were computed "
                "by; copy it there from beside the store, or extract into a new store"
            )
        if self.path.stat().st_size > _MOST_BYTES:
            raise StoreError(f"{self.path}: more than {_MOST_BYTES} bytes, which no network has")
        data = self.path.read_bytes()
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise StoreError(
                f"{self.path}: not the int8 network that the features were computed by (SHA-256); "
                "bring that file back, or extract into a new store"
            )
        return data


def network_of(spec: Mapping[str, Any], store: Path) -> NetworkFile | None:
    """The int8 network behind a store's features, as its spec names it; None for other features.

    store: its path; it need not be there. Nothing is looked at; see `NetworkFile.read`.
    """
    engine = spec.get("engine") or {}
    if "sha256" not in engine:
        return None
    return NetworkFile(store.parent / engine["file"], engine["sha256"])


def copy_network(spec: Mapping[str, Any], source: Path, target: Path) -> None:
    """Put the int8 network beside another store of the same features, if there is one.

    source, target: paths of the stores. Nothing is done where it lies there already.
    """
    there, here = network_of(spec, source), network_of(spec, target)
    if there is None or here is None or here.path.resolve() == there.path.resolve():
        return
    data = there.read()
    if here.path.exists():
        here.read()
    else:
        write_bytes(here.path, data)

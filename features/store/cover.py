"""Checksums for a store of an earlier version, in which only the features have them."""

from __future__ import annotations

import os
from pathlib import Path

from aqa.features.store.reader import FeatureStore
from aqa.features.store.spec import StoreError
from aqa.features.store.writer import FeatureStoreWriter


def add_checksums(path: str | os.PathLike[str]) -> bool:
    """Write a store anew with checksums of all that it holds; False where it has them already.

    They are of what stands there now: whether that is what was once written cannot be known,
    except of the features. `StoreError` where a store is damaged or is being written.
    """
    path = Path(path)
    with FeatureStore.open(path) as store:
        if store.uncovered is None:
            return False
        if problems := store.verify():
            raise StoreError(problems[0])
        spec = store.spec
    with FeatureStoreWriter(path, spec) as writer:
        writer.renew()
    return True

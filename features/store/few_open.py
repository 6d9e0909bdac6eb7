"""Many stores that are read in any order, of which only a few are open at a time."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from pathlib import Path

from aqa.errors import AqaWarning
from aqa.features.store.reader import FeatureStore

# So many files are open at once; systems allow a process 1024 or so, of everything.
MOST_OPEN = 128


class FewOpen:
    """Opens stores again as they are asked for; the one not asked for the longest is closed."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, FeatureStore] = OrderedDict()

    def get(self, path: Path) -> FeatureStore:
        """The store of this path, open until `MOST_OPEN` others were asked for."""
        store = self._open.pop(path, None)
        if store is None:
            while len(self._open) >= MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", AqaWarning)  # told when it was opened first
                store = FeatureStore.open(path)
        self._open[path] = store
        return store

    def __enter__(self) -> FewOpen:
        return self

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._open.popitem()[1].close()

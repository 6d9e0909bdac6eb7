"""The feature stores that runs were fitted on, each opened and read once."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS, Split
from aqa.errors import listed
from aqa.features.store import FeatureStore, check_spec
from aqa.models.examples import Features
from aqa.models.run_source import RunError
from aqa.models.runs import Run


class RunStores:
    """Opens the store of each run, or takes the given one, and keeps what was read of it."""

    def __init__(self, stack: ExitStack, store: FeatureStore | None):
        self._stack, self._given = stack, store
        self._opened: dict[Path, FeatureStore] = {}
        self._read: dict[Path, dict[str, NDArray[np.float32]]] = {}

    def of(self, run: Run) -> FeatureStore:
        """The run's store, or the given one if it was made alike."""
        path = self._given.path if self._given else run.store
        if path not in self._opened:
            opened = self._given or self._stack.enter_context(FeatureStore.open(path))
            self._opened[path], self._read[path] = opened, {}
        check_spec(path, self._opened[path].spec, run.spec)
        return self._opened[path]

    def features(self, store: FeatureStore, run: Run, split: Split) -> Features:
        """The features of a split's videos, and of those that the run was fitted on."""
        read, fitted = self._read[store.path], run.record["split"]
        wanted = [
            *(i for part in PARTS for i in split.part(part)),
            *fitted["train"],
            *fitted["val"],
        ]
        missing = [i for i in dict.fromkeys(wanted) if i not in read and i in store]
        read.update(zip(missing, store.load(missing), strict=True))
        return Features(store, read)


def stored_split(
    split: Split, manifest: Manifest, store: FeatureStore, skip_missing: bool
) -> Split:
    """The split, if the store holds its videos; with `skip_missing` without those it lacks."""
    wanted = [i for part in PARTS for i in split.part(part)]
    missing = [i for i in wanted if i not in store]
    if missing and not skip_missing:
        raise RunError(
            f"{store.path}: {len(missing)} of the {len(wanted)} videos of split {split.name} are "
            f"not in it: {listed(missing)}; run `aqa extract`, or leave them out with "
            "--skip-missing"
        )
    present = split.only(set(store.ids))
    if not present.train:
        raise RunError(f"{manifest.path}: split {split.name} has no training videos")
    return present

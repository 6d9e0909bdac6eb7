"""What a search has found so far, on disk, so that one that was killed goes on where it was.

    runs/HEAD-sweep/sweep.json    key -> split, setting, values of folds, why it failed, seconds

A key is a hash of everything that a trial depends on: the head's code and all its hyper-parameters,
the videos with their scores and features, the folds and the metric. Where any of them has changed,
the trial is made again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aqa import __version__
from aqa.annotations.splits import Split
from aqa.errors import RunError
from aqa.features.store import FeatureStore
from aqa.files import write_json
from aqa.models.heads import find_head
from aqa.models.saved.hashes import learned_hashes
from aqa.workflows.sweep.grid import Setting
from aqa.workflows.sweep.trial import Search, SweepTrial, folds_of, make_head

FILE = "sweep.json"


class Journal:
    """The trials of a search; each is written as soon as it is known."""

    def __init__(self, search: Search, store: FeatureStore):
        self._search, self._store = search, store
        self.path = search.folder / FILE
        self._kept = _read(self.path)
        self._of_splits: dict[str, dict[str, Any]] = {}
        self._material: dict[tuple[str, tuple[str, ...]], str] = {}

    def key(self, setting: Setting, split: Split) -> str:
        """The hash of everything that a trial depends on."""
        head = make_head(self._search, setting, self._store)
        learned = (split.name, head.columns)  # which columns: hyper-parameters can say
        if learned not in self._material:
            ids = (*split.train, *split.val)
            hashes = learned_hashes(head, ids, self._search.manifest, self._store)
            self._material[learned] = _hash(hashes)
        if split.name not in self._of_splits:
            self._of_splits[split.name] = self._of_split(split)
        origin = find_head(self._search.head).origin
        return _hash(
            {
                "head": self._search.head,
                "code": __version__ if origin is None else origin.sha256,
                "params": head.params,
                "material": self._material[learned],
                "target": self._search.manifest.target,
                "spec": self._store.spec,
                "metric": self._search.metric,
                "folds": self._search.folds,
                "seed": self._search.seed,
                **self._of_splits[split.name],
            }
        )

    def _of_split(self, split: Split) -> dict[str, Any]:
        """What trials on a split depend on, whatever their setting."""
        folds = folds_of(self._search, split)
        return {
            "train": split.train,
            "val": split.val,
            **({"held_out": folds.held_out} if folds.kept_apart else {}),
        }

    def get(self, key: str) -> SweepTrial | None:
        """The trial of this key, where it was made before."""
        kept = self._kept.get(key)
        return None if kept is None else _trial(kept)

    def put(self, key: str, setting: Setting, split: Split, trial: SweepTrial) -> None:
        """Keep a trial, on disk too."""
        self._kept[key] = {
            "split": split.name,
            "setting": list(setting),
            "values": list(trial.values),
            "failed": trial.failed,
            "seconds": round(trial.seconds, 3),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, self._kept)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove it to search anew") from None
    try:
        whole = all(_is_whole(_trial(one)) for one in found.values())
    except (AttributeError, KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise RunError(f"{path}: not as a search wrote it; remove it to search anew")
    return dict(found)


def _trial(kept: Mapping[str, Any]) -> SweepTrial:
    values = tuple(map(float, kept["values"]))
    return SweepTrial(values, str(kept["failed"]), float(kept["seconds"]))


def _is_whole(trial: SweepTrial) -> bool:
    """Whether it has a number for each fold, or says why it has none."""
    return bool(trial.values) != bool(trial.failed) and all(map(math.isfinite, trial.values))

"""A manifest as the head of a saved run has learned from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.annotations.pairs import FILE
from aqa.models.saved.record import target_of
from aqa.target_names import PAIRS


def seen_by(record: Mapping[str, Any], manifest: Manifest) -> Manifest:
    """The manifest seen with the run's target, and with the two classes that it was learned as.

    With pairs, these are read again from where they were; a pack holds none. `UnknownNameError`
    where there is no such column any more, `AqaError` where there is no such table of pairs.
    """
    classes = record.get("classes")
    if target_of(record) == PAIRS:
        if manifest.pairs is not None:
            return manifest
        if record.get("packed"):
            return manifest.of_absent_pairs()
        return manifest.of_pairs(manifest.path.parent / record.get("pairs", FILE))
    if classes is None:
        return manifest.of_target(target_of(record))
    return manifest.of_classes(target_of(record), classes["good"])

"""A manifest as the head of a saved run has learned from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aqa.annotations.manifest import Manifest
from aqa.models.saved.record import target_of


def seen_by(record: Mapping[str, Any], manifest: Manifest) -> Manifest:
    """The manifest seen with the run's target, and with the two classes that it was learned as.

    `UnknownNameError` where there is no such column any more.
    """
    classes = record.get("classes")
    if classes is None:
        return manifest.of_target(target_of(record))
    return manifest.of_classes(target_of(record), classes["good"])

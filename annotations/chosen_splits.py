"""The splits that a command is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import EVERYTHING, Split
from aqa.errors import AqaError
from aqa.split_names import chosen_names


def chosen_splits(manifest: Manifest, asked: Sequence[str] = ()) -> list[Split]:
    """The splits of a manifest by their own or their families' names; all it has for none.

    `all` is the split that trains on every video, unless the manifest has one of that name.
    """
    known = manifest.split_names
    if not asked and not known:
        raise AqaError(
            f"{manifest.path}: no split to fit: add a column split_<name> of train, val and test, "
            f"or fit every video with --split {EVERYTHING}"
        )
    every_video = EVERYTHING in asked and EVERYTHING not in known
    named = [name for name in asked if not (every_video and name == EVERYTHING)]
    splits = [Split(EVERYTHING, train=manifest.ids)] if every_video else []
    if named or not asked:
        remedy = (
            f"a split is a column split_<name> of {manifest.path} whose values are train, val, "
            "test or empty"
        )
        splits = [
            manifest.split(name) for name in chosen_names(named, known, remedy=remedy)
        ] + splits
    return splits

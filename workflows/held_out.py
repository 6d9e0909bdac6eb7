"""What a fit held out of its training videos, for the run's record; a line where it says little."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from aqa.annotations.folds import ALWAYS, labels_of_video
from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.annotations.video_groups import VideoGroups
from aqa.errors import AqaWarning
from aqa.models.heads.base import Head


def warn_of_shared(groups: VideoGroups, split: Split) -> None:
    """Warn where the training videos are all of one athlete or performance, which must be parted.

    An event or a venue that all share is recorded, and no reason for a warning.
    """
    shared = [name for name in groups.shared if name in ALWAYS]
    if shared:
        warnings.warn(
            f"split {split.name}: the column {shared[0]} connects all {len(split.train)} training "
            f"videos: what fitting holds out of them (to stop by, to choose by, for ranges) shows "
            f"the same {shared[0]} as what is learned from, and looks better than on another; add "
            f"videos of others",
            AqaWarning,
            stacklevel=2,
        )


def held_out_record(
    head: Head, split: Split, manifest: Manifest, groups: VideoGroups
) -> dict[str, Any]:
    """The training videos that a fit held out to stop by, and which columns were kept apart then.

    shared: columns of which a label is on both sides, where a column tells groups.
    """
    out = {split.train[i] for i in head.held_out}
    known = (*groups.kept_apart, *groups.shared)
    shared = [name for name in known if _shared(name, out, split.train, manifest)]
    return {
        "videos": [i for i in split.train if i in out],
        "kept_apart": [name for name in known if out and name not in shared],
        "shared": shared,
    }


def _shared(column: str, out: set[str], ids: Sequence[str], manifest: Manifest) -> bool:
    """Whether a label of the column is both on a video that was held out and on another."""
    sides: tuple[set[object], set[object]] = (set(), set())
    for video_id in ids:
        sides[video_id in out].update(labels_of_video(manifest.by_id[video_id], [column]))
    return bool(sides[0] & sides[1])

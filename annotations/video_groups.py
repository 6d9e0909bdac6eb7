"""Which of a split's training videos stay together where some of them are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.folds import columns_kept_apart, labels_of_video
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_drawing import connected_groups
from aqa.annotations.splits import Split


@dataclass(frozen=True)
class VideoGroups:
    """Groups of videos that share a label, such as their athlete.

    by_id: the number of each video's group; empty where no column tells groups, or all videos would
    be of one. kept_apart: the columns that tell them. shared: columns that should be among these,
    and whose labels connect all videos.
    """

    by_id: Mapping[str, int] = field(default_factory=dict)
    kept_apart: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()

    def of(self, ids: Sequence[str]) -> NDArray[np.intp] | None:
        """The number of each video's group, as `Examples.groups` has them; None without groups."""
        return np.array([self.by_id[i] for i in ids], np.intp) if self.by_id else None


def video_groups(split: Split, manifest: Manifest) -> VideoGroups:
    """The groups of a split's training videos: of all columns that folds keep apart.

    Where these connect all videos, the last column is given up, and so on.
    """
    asked = columns_kept_apart(split, manifest)
    videos = [manifest.by_id[i] for i in split.train]
    for n in range(len(asked), 0, -1):
        numbers = connected_groups([labels_of_video(video, asked[:n]) for video in videos])
        if len(np.unique(numbers)) > 1:
            by_id = dict(zip(split.train, numbers.tolist(), strict=True))
            return VideoGroups(by_id, asked[:n], asked[n:])
    return VideoGroups({}, (), asked)

"""Splits: named, disjoint lists of video ids to learn from, to stop by and to test on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from aqa.errors import AqaError

Part = Literal["train", "val", "test"]
PARTS: tuple[str, ...] = get_args(Part)
# The name of a split that trains on every video: for a head that will score other videos and is
# not tested on these.
EVERYTHING = "all"


@dataclass(frozen=True)
class Split:
    """The ids that a head is trained on (`train`), stopped by (`val`) and evaluated on (`test`).

    `val` may be empty: heads then hold out a part of `train` themselves. `AqaError` where an id is
    in two parts.
    """

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for part in PARTS:
            for video_id in self.part(part):
                if video_id in seen:
                    raise AqaError(
                        f"split {self.name}: {video_id!r} is in {seen[video_id]} and in {part}"
                    )
                seen[video_id] = part

    def part(self, name: str) -> tuple[str, ...]:
        """The ids of one part: `train`, `val` or `test`."""
        ids: tuple[str, ...] = getattr(self, name)
        return ids

    def only(self, ids: Sequence[str] | set[str]) -> Split:
        """The same split without the videos that are not in `ids`."""
        keep = set(ids)
        train, val, test = (tuple(i for i in self.part(p) if i in keep) for p in PARTS)
        return replace(self, train=train, val=val, test=test)


def shared_labels(
    split: Split, labels: Mapping[str, str | None]
) -> tuple[set[str], tuple[str, ...]]:
    """Labels that test videos share with other videos of the split, and those test videos.

    labels: id -> label, such as the athlete's name; None is no label. Test videos with a shared
    label are easier than those of an athlete that no training video shows.
    """
    learned = {labels[i] for i in (*split.train, *split.val)} - {None}
    leaking = tuple(i for i in split.test if labels[i] in learned)
    return {str(labels[i]) for i in leaking}, leaking

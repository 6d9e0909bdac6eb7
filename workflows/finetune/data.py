"""Videos to train on: the clips that a backbone is shown, scores, and columns of the manifest."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.models.training.distributed import ProcessGroup


class ClipSource(Protocol):
    """Videos that can be read again and again."""

    def __len__(self) -> int:
        """The number of videos."""
        ...

    def read(
        self, order: Sequence[int], epoch: int | None = None
    ) -> Iterator[tuple[Tensor, NDArray[np.intp]]]:
        """What the backbone takes, (clips, ...) per video, and each clip's frames, (clips, 2).

        order: numbers of videos. epoch: whose random augmentation is applied; None: none.
        """
        ...


@dataclass(frozen=True)
class ScoredClips:
    """Videos, their (n,) scores in points, and the head's columns except `clips`."""

    clips: ClipSource
    scores: NDArray[np.float64]
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)


class ShownVideo(NamedTuple):
    """The clips of one video that the head reads, and the video's value in each column."""

    clips: Tensor
    columns: Mapping[str, Any]


def shown_videos(
    videos: ScoredClips, adapter: EndToEndAdapter, order: Sequence[int], epoch: int | None = None
) -> Iterator[ShownVideo]:
    """The videos of these numbers, one after the other; see `ClipSource.read`."""
    for number, (clips, frames) in zip(order, videos.clips.read(order, epoch), strict=True):
        columns = {name: values[number] for name, values in videos.columns.items()}
        if "clips" in adapter.columns:
            columns["clips"] = frames
        read = adapter.clips_read(columns)
        if read is not None:
            clips, columns["clips"] = clips[read], frames[read]
        yield ShownVideo(clips, columns)


def joined_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """From one mapping per video to one list per column."""
    return {name: [row[name] for row in rows] for name in rows[0]}


class MicroBatch(NamedTuple):
    """Videos, by number, that go through the network together, and the weight of their mean loss.

    An update adds up the gradients of its micro-batches (gradient accumulation).
    """

    videos: list[int]
    weight: float


def micro_batches(update: Sequence[int], accumulate: int, group: ProcessGroup) -> list[MicroBatch]:
    """This process's micro-batches of an update; over all processes the weights add up to 1.

    update: the numbers of its videos. A process without a share shows the first video with weight
    0, since all processes must take part in each update.
    """
    cuts = np.linspace(0, len(update), group.size * accumulate + 1).round().astype(int).tolist()
    of_process = cuts[group.rank * accumulate : (group.rank + 1) * accumulate + 1]
    shares = [list(update[a:b]) for a, b in itertools.pairwise(of_process) if b > a]
    batches = [MicroBatch(share, len(share) / len(update)) for share in shares]
    return batches or [MicroBatch([update[0]], 0.0)]

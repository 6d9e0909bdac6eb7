"""Batches of pairs for the price of their videos: each video of a step is embedded once.

And each clip of a step is given once, however many videos hold it, such as a blank one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.pairs import plan_steps
from aqa.models.training.loop import VideoBatch, VideoTensors


@dataclass(frozen=True)
class PairBatch(VideoBatch):
    """A batch's distinct clips x, what videos they make up, and pairs of those.

    x: (clips, dim). rows: (n, longest), the clips of each video; behind its end, any. first,
    second: (pairs,) numbers of videos. targets: (pairs,), one a pair. own: (n,), the videos' own.
    """

    rows: Tensor
    first: Tensor
    second: Tensor
    own: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What a `SiameseNet` takes."""
        return self.x, self.lengths, self.first, self.second, self.rows


class PairedVideos:
    """Videos and ordered pairs of them; an epoch's batches hold every pair exactly once.

    videos: their own targets go with them. first, second: (pairs,) numbers of videos. targets:
    (pairs,). groups: (videos,) labels; pairs that cross no group make for fewer embeddings.
    """

    def __init__(
        self,
        videos: VideoTensors,
        first: NDArray[np.intp],
        second: NDArray[np.intp],
        targets: NDArray[np.floating] | NDArray[np.bool_],
        groups: NDArray[np.intp],
    ):
        self.videos, self.first, self.second, self.groups = videos, first, second, groups
        self._rows = clips_of(videos)
        device = videos.targets.device
        self.targets = torch.as_tensor(targets, dtype=torch.float32, device=device)

    def __len__(self) -> int:
        return len(self.videos)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[PairBatch]:
        """Cut into batches of at most `size` distinct videos; see `plan_steps`."""
        places = np.arange(len(self)) if order is None else order.numpy()
        rng = None if order is None else np.random.default_rng(places)
        by_group = places[np.argsort(self.groups[places], kind="stable")]
        for chosen in plan_steps(self.first, self.second, by_group, size, rng):
            yield self._batch(chosen)

    def _batch(self, chosen: NDArray[np.intp]) -> PairBatch:
        ends = np.concatenate([self.first[chosen], self.second[chosen]])
        used, numbers = np.unique(ends, return_inverse=True)
        device = self.targets.device
        videos = torch.from_numpy(used).to(device)
        lengths, own = self.videos.lengths[videos], self.videos.targets[videos]
        clips, rows = self._rows[videos, : int(lengths.max())].unique(return_inverse=True)
        x = self.videos.clips.index_select(0, clips)
        first, second = torch.from_numpy(numbers).to(device).chunk(2)
        targets = self.targets[torch.from_numpy(chosen).to(device)]
        return PairBatch(x, lengths, targets, rows, first, second, own)


def clips_of(videos: VideoTensors) -> Tensor:
    """Which rows of `videos.clips` each video is made of: (n, longest).

    Of rows that are the same the first stands for all; a video's last one fills what is behind it.
    """
    seen: dict[bytes, int] = {}
    found = [
        seen.setdefault(hashlib.sha256(row).digest(), number)
        for number, row in enumerate(videos.clips.cpu().numpy())
    ]
    step = torch.arange(int(videos.lengths.max()), device=videos.lengths.device)
    places = videos.starts[:, None] + step.minimum(videos.lengths[:, None] - 1)
    return torch.tensor(found, device=places.device)[places]

"""Batches of pairs of videos in which each video, and each distinct clip, is computed once.

A step holds many pairs of few videos, so that its cost is that of the videos and not of the pairs.
A clip that several videos hold, such as a blank one, is computed once for all of them.
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
    """The distinct clips of a batch, the videos that they make up, and pairs of these videos.

    x: (clips, dim). rows: (n, longest) numbers of clips, those of each video; after a video's end
    any. first, second: (pairs,) numbers of videos in the batch. targets: (pairs,). video_targets:
    (n,), the videos' own targets.
    """

    rows: Tensor
    first: Tensor
    second: Tensor
    video_targets: Tensor

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The arguments of a `SiameseNet`."""
        return self.x, self.lengths, self.first, self.second, self.rows


class PairedVideos:
    """Videos and ordered pairs of them; the batches of an epoch hold every pair exactly once.

    videos: with their own targets. first, second: (pairs,) numbers of videos. targets: (pairs,).
    groups: (videos,) labels; where few pairs are of two groups, few videos are computed twice.
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
        """Batches of the pairs of at most `size` distinct videos; see `plan_steps`."""
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
        lengths, video_targets = self.videos.lengths[videos], self.videos.targets[videos]
        clips, rows = self._rows[videos, : int(lengths.max())].unique(return_inverse=True)
        x = self.videos.clips.index_select(0, clips)
        first, second = torch.from_numpy(numbers).to(device).chunk(2)
        targets = self.targets[torch.from_numpy(chosen).to(device)]
        return PairBatch(x, lengths, targets, rows, first, second, video_targets)


def clips_of(videos: VideoTensors) -> Tensor:
    """The rows of `videos.clips` that each video is made of: (n, longest).

    Of equal rows the first stands for all. A video's last row fills the places after its end.
    """
    seen: dict[bytes, int] = {}
    first_equal = [
        seen.setdefault(hashlib.sha256(row).digest(), number)
        for number, row in enumerate(videos.clips.cpu().numpy())
    ]
    step = torch.arange(int(videos.lengths.max()), device=videos.lengths.device)
    places = videos.starts[:, None] + step.minimum(videos.lengths[:, None] - 1)
    return torch.tensor(first_equal, device=places.device)[places]

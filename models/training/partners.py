"""Batches of videos, each beside a partner that is drawn anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.training.loop import VideoBatch, VideoTensors

Numbers = NDArray[np.intp]
Batch = TypeVar("Batch", bound=VideoBatch)


@dataclass(frozen=True)
class DrawnPartners(Generic[Batch]):
    """Videos to learn from or to stop by, and those that may stand beside them.

    videos: all. asked: numbers of the videos that an epoch goes through. known: (n,) whether a
    video may be a partner. groups: (n,) labels; a partner is another video of the same group. make:
    (x, lengths, targets, partners, asked) -> the batch; the last two are numbers in it. most:
    without an order, which is where training is stopped, each video meets so many partners, the
    first ones, instead of a drawn one. A video without a partner is left out.
    """

    videos: VideoTensors
    asked: Numbers
    known: NDArray[np.bool_]
    groups: Numbers
    make: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Batch]
    most: int

    def __len__(self) -> int:
        return len(self.asked)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Batch]:
        """Batches of at most `size` of the videos, and their partners."""
        places = np.arange(len(self)) if order is None else order.numpy()
        rng = None if order is None else np.random.default_rng(places)
        chosen = self.asked[places]
        for start in range(0, len(chosen), size):
            pairs = [
                (partner, video)
                for video in chosen[start : start + size].tolist()
                for partner in self._partners(video, rng)
            ]
            if pairs:
                yield batch_of(self.videos, np.array(pairs, np.intp), self.make)

    def _partners(self, video: int, rng: np.random.Generator | None) -> Numbers:
        able = self.known & (self.groups == self.groups[video])
        able[video] = False
        partners = np.flatnonzero(able)
        if rng is None or not len(partners):
            return partners[: self.most]
        return rng.choice(partners, 1)


def batch_of(
    videos: VideoTensors,
    pairs: NDArray[np.intp],
    make: Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Batch],
) -> Batch:
    """The batch of these pairs of a partner and a video, (pairs, 2) numbers, each video once."""
    used, numbers = np.unique(pairs, return_inverse=True)
    ends = torch.from_numpy(numbers.reshape(pairs.shape)).to(videos.clips.device)
    (batch,) = videos.batches(len(used), torch.from_numpy(used))
    return make(batch.x, batch.lengths, batch.targets, ends[:, 0], ends[:, 1])

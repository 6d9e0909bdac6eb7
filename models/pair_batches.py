"""Batches of pairs for the price of their videos: each video of a step is embedded once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.pairs import plan_steps
from aqa.models.train import Batch, Videos


@dataclass(frozen=True)
class PairBatch(Batch):
    """A batch's distinct videos x, lengths; and pairs of them.

    first, second: (pairs,) rows of x. targets: (pairs,), one a pair. own: (n,), the videos' own.
    """

    first: Tensor
    second: Tensor
    own: Tensor


class PairedVideos:
    """Videos and ordered pairs of them; an epoch's batches hold every pair exactly once.

    videos: their own targets go with them. first, second: (pairs,) numbers of videos. targets:
    (pairs,). groups: (videos,) labels; pairs that cross no group make for fewer embeddings.
    """

    def __init__(
        self,
        videos: Videos,
        first: NDArray[np.intp],
        second: NDArray[np.intp],
        targets: NDArray[np.floating] | NDArray[np.bool_],
        groups: NDArray[np.intp],
    ):
        self.first, self.second, self.groups = first, second, groups
        # Padded once: every epoch takes rows of it, many times.
        (self._all,) = videos.batches(len(videos))
        device = videos.targets.device
        self.targets = torch.as_tensor(targets, dtype=torch.float32, device=device)

    def __len__(self) -> int:
        return len(self._all.x)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[PairBatch]:
        """Cut into batches of at most `size` distinct videos; see `plan_steps`."""
        places = np.arange(len(self)) if order is None else order.numpy()
        rng = None if order is None else np.random.default_rng(places)
        by_group = places[np.argsort(self.groups[places], kind="stable")]
        for chosen in plan_steps(self.first, self.second, by_group, size, rng):
            yield self._batch(chosen)

    def _batch(self, chosen: NDArray[np.intp]) -> PairBatch:
        ends = np.concatenate([self.first[chosen], self.second[chosen]])
        used, rows = np.unique(ends, return_inverse=True)
        device = self.targets.device
        videos = torch.from_numpy(used).to(device)
        lengths = self._all.lengths[videos]
        x = self._all.x[videos, : int(lengths.max())]
        first, second = torch.from_numpy(rows).to(device).chunk(2)
        targets = self.targets[torch.from_numpy(chosen).to(device)]
        return PairBatch(x, lengths, targets, first, second, self._all.targets[videos])

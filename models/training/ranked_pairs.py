"""Training on given pairs of videos, of which one is better: batches, and the trainer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.models.training.loop import BatchSource, Trainer, VideoBatch


@dataclass(frozen=True)
class RankedBatch(VideoBatch):
    """The videos of some pairs, each once. better, worse: (pairs,) their numbers in the batch."""

    better: Tensor
    worse: Tensor


@dataclass(frozen=True)
class RankedVideos:
    """Videos and pairs of them; an epoch holds every pair once.

    videos: those to learn from may be `AugmentedVideos`, of which each step draws anew. pairs:
    (pairs, 2) numbers of the better and of the worse video.
    """

    videos: BatchSource
    pairs: NDArray[np.intp]

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.pairs)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[RankedBatch]:
        """Batches of at most `size` pairs, in this order."""
        places = torch.arange(len(self)) if order is None else order
        for chosen in places.split(size):
            used, ends = np.unique(self.pairs[chosen.numpy()], return_inverse=True)
            (batch,) = self.videos.batches(len(used), torch.from_numpy(used))
            better, worse = torch.from_numpy(ends.reshape(-1, 2)).to(batch.x.device).T
            yield RankedBatch(batch.x, batch.lengths, batch.targets, better, worse)


class RankingTrainer(Trainer):
    """Trains a network to predict more of the better video of each pair."""

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, RankedBatch)
        predicted = self.net(batch.x, batch.lengths)
        return self.loss(predicted[batch.better], predicted[batch.worse])

    def count(self, batch: VideoBatch) -> int:
        """See `Trainer.count`: the pairs."""
        assert isinstance(batch, RankedBatch)
        return len(batch.better)

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """See `Trainer.evaluate`; each video is computed once, for all its pairs."""
        assert isinstance(examples, RankedVideos)
        self.net.eval()
        videos = examples.videos.batches(self.settings.batch_size)
        predicted = torch.cat([self.net(batch.x, batch.lengths) for batch in videos])
        better, worse = torch.from_numpy(examples.pairs).to(predicted.device).T
        return float(self.loss(predicted[better], predicted[worse]))

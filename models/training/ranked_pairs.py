"""Training on given pairs of videos, of which one is better: batches, and the trainer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.training.loop import BatchSource, Trainer, TrainingSettings, VideoBatch
from aqa.models.training.losses import PairLoss


@dataclass(frozen=True)
class RankedBatch(VideoBatch):
    """The videos of some pairs, each once. better, worse: (pairs,) their numbers in the batch."""

    better: Tensor
    worse: Tensor


class RankedVideos:
    """Videos and pairs of them; an epoch holds every pair once.

    videos: first all as they are, then all under each augmentation, `n_versions` times the same
    ones. better, worse: (pairs,) numbers of videos. seed: of the augmentation under which a step
    shows a video, drawn anew each time.
    """

    def __init__(
        self,
        videos: BatchSource,
        pairs: NDArray[np.intp],
        n_versions: int = 1,
        seed: int = 0,
    ):
        self.videos, self.pairs, self.n_versions = videos, pairs, n_versions
        # A stream of its own: that of the shuffling would tie a video's augmentation to its place.
        self._draws = np.random.default_rng([seed, n_versions])

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.pairs)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[RankedBatch]:
        """Batches of at most `size` pairs, in this order; without one, videos as they are."""
        places = torch.arange(len(self)) if order is None else order
        for chosen in places.split(size):
            used, ends = np.unique(self.pairs[chosen.numpy()], return_inverse=True)
            shown = used
            if order is not None and self.n_versions > 1:
                version = self._draws.integers(self.n_versions, size=len(used))
                shown = version * (len(self.videos) // self.n_versions) + used
            (batch,) = self.videos.batches(len(used), torch.from_numpy(shown))
            better, worse = torch.from_numpy(ends.reshape(-1, 2)).to(batch.x.device).T
            yield RankedBatch(batch.x, batch.lengths, batch.targets, better, worse)


class RankingTrainer(Trainer):
    """Trains a network to predict more of the better video of each pair."""

    criterion: ClassVar[str] = "val_loss"

    def __init__(self, net: nn.Module, loss: PairLoss, settings: TrainingSettings, seed: int):
        super().__init__(net, loss, settings, seed)

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

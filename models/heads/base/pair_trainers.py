"""Training a `SiameseNet`: on pairs of videos, and on the clips of a video and its exemplar."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.heads.base.comparing import SiameseNet
from aqa.models.training.fast_lstm import input_gates
from aqa.models.training.loop import BatchSource, Trainer, TrainingSettings, VideoBatch
from aqa.models.training.losses import bag_loss, log_bag_similarity, pair_loss
from aqa.models.training.pair_batches import PairBatch


class PairTrainer(Trainer):
    """Trains a `SiameseNet` to tell similar pairs from dissimilar ones.

    weights: of dissimilar and of similar pairs. difference_weight: of the squared error of the
    difference of a pair's scores, which a linear layer on D2 predicts; with this layer the
    activations say in which direction and how far two videos differ, not only whether they do.
    The layer is not kept. scale: points that the videos' own targets are divided by for it.

    Training is stopped by the mean probability of the wrong answer on held-out pairs, not by their
    loss: with few videos the loss is lowest after an epoch or two, when every pair is still called
    dissimilar.
    """

    criterion: ClassVar[str] = "val_balanced_error"

    def __init__(
        self,
        net: SiameseNet,
        weights: tuple[float, float],
        settings: TrainingSettings,
        seed: int,
        difference_weight: float = 0.0,
        scale: float = 1.0,
    ):
        super().__init__(net, self._loss, settings, seed)
        self.weights, self.difference_weight, self.scale = weights, difference_weight, scale
        if difference_weight:
            self.difference = nn.Linear(net.last.in_features, 1).to(net.last.weight)
            self.optimizer.add_param_group({"params": self.difference.parameters()})

    def _loss(self, logits: Tensor, similar: Tensor) -> Tensor:
        return pair_loss(logits, similar, self.weights)

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, PairBatch)
        return self.by_videos(batch, batch.targets)

    def by_videos(self, batch: PairBatch, similar: Tensor, gates: Tensor | None = None) -> Tensor:
        """The loss of pairs of whole videos; similar: (pairs,). gates: see `SiameseNet.embed`."""
        assert isinstance(self.net, SiameseNet)
        embedded = self.net.embed(batch.x, batch.lengths, batch.rows, gates)
        joined = self.net.join(embedded, batch.first, batch.second)  # (pairs, 64)
        loss = self.loss(self.net.last(joined).squeeze(1), similar)
        if self.difference_weight:
            scores = batch.video_targets / self.scale
            error = self.difference(joined).squeeze(1) - (
                scores[batch.second] - scores[batch.first]
            )
            loss = loss + self.difference_weight * error.square().mean()
        return loss

    def mistakes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """Each answer's kind, and the probability of the wrong one: (answers,) each."""
        logits = self.net(*batch.inputs)
        return batch.targets.long(), (logits.sigmoid() - batch.targets).abs()

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean probability of the wrong answer; similar and dissimilar pairs weigh the same."""
        self.net.eval()
        wrong, total = torch.zeros(2), torch.zeros(2)
        for batch in examples.batches(self.settings.batch_size):
            assert isinstance(batch, PairBatch)
            kind, chance = (tensor.cpu() for tensor in self.mistakes(batch))
            wrong += torch.bincount(kind, chance, 2)
            total += torch.bincount(kind, minlength=2)
        return float((wrong / total)[total > 0].mean())


class ClipTrainer(PairTrainer):
    """Trains a `SiameseNet` on pairs of videos, and on their clips beside those of exemplars; ours.

    No column says which clips are faulty. What is known is how many points a video is below an
    exemplar. So the pairs of their clips form a bag with one label (multiple-instance learning):
    the mean similarity of the clips shall be what the lost points say. A clip's probability is then
    1/2 where a video of such clips alone would lose the threshold, and below 1/2, faulty, where it
    loses more than its share.

    Targets are (pairs, 2): whether two videos are similar, and `meant_similarity`, NaN for pairs
    that are no bag. bag_weights: as `weights`, of bags meant below and above 1/2. blank: (dim,),
    scaled, the feature of a blank clip, which takes the place of what is before a clip (jain2020
    §IV). Training is stopped by the held-out bags alone: with few videos the answers on whole
    videos may never get better.
    """

    def __init__(
        self,
        net: SiameseNet,
        weights: tuple[float, float],
        settings: TrainingSettings,
        seed: int,
        bag_weights: tuple[float, float],
        blank: Tensor,
        difference_weight: float = 0.0,
        scale: float = 1.0,
    ):
        super().__init__(net, weights, settings, seed, difference_weight, scale)
        self.bag_weights, self.blank = bag_weights, blank

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`; the videos' loss and the bags', each averaged."""
        assert isinstance(batch, PairBatch)
        assert isinstance(self.net, SiameseNet)
        gates = input_gates(self.net.lstm, batch.x, batch.rows)
        loss = self.by_videos(batch, batch.targets[:, 0], gates)
        bags = self._bags(batch)
        if len(bags.targets):
            loss = loss + bag_loss(self.by_clips(bags, gates), bags.targets, self.bag_weights)
        return loss

    def mistakes(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """See `PairTrainer.mistakes`; a bag is similar where more than 1/2 is meant."""
        bags = self._bags(batch)
        similar = (bags.targets > 0.5).long()
        return similar, (self.by_clips(bags).exp() - similar).abs()

    def by_clips(self, batch: PairBatch, gates: Tensor | None = None) -> Tensor:
        """The logarithm of how similar pairs are by their clips, (pairs,); padding is left out.

        gates: the clips' `input_gates`, where these are known.
        """
        assert isinstance(self.net, SiameseNet)
        if gates is None:
            gates = input_gates(self.net.lstm, batch.x, batch.rows)
        x = batch.x[batch.rows] if gates is None else None  # (n, longest, dim)
        longest = batch.rows.shape[1]
        embedded = self.net.embed_clips(x, self.blank, gates).flatten(0, 1)  # (n * longest, M)
        # Stores may hold halves, which miss the blank response by their rounding.
        near = 1e-3 + 1e-3 * self.blank.abs()
        # In place: all clips that training is stopped by are one batch, whose copies are large.
        blank = (batch.x - self.blank).abs_().sub_(near).le_(0).all(dim=1)  # (clips,)
        padding = blank[batch.rows]  # (n, longest)
        padding |= torch.arange(longest, device=padding.device) >= batch.lengths[:, None]
        bag, clip = (~padding)[batch.second].nonzero(as_tuple=True)
        first, second = batch.first[bag], batch.second[bag]
        matched = torch.minimum(clip, batch.lengths[first] - 1)  # as `align.by_index`
        joined = self.net.join(embedded, first * longest + matched, second * longest + clip)
        return log_bag_similarity(self.net.last(joined).squeeze(1), bag, len(batch.second))

    def _bags(self, batch: PairBatch) -> PairBatch:
        """The pairs of an exemplar and another video, and how similar they are meant to be."""
        meant = batch.targets[:, 1]
        known = ~meant.isnan()
        return replace(
            batch, first=batch.first[known], second=batch.second[known], targets=meant[known]
        )


class RowTrainer(Trainer):
    """Trains a whole `SiameseNet` to the second video's score; its last layer stays linear."""

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, PairBatch)
        return self.loss(self.net(*batch.inputs), batch.targets)


def last_layer(
    net: nn.Module, mean: float, deviation: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (64,) and intercept of a network that learned standardised scores, in points."""
    assert isinstance(net, SiameseNet)
    weight, bias = (p.detach().double().cpu().numpy() for p in (net.last.weight, net.last.bias))
    return weight[0] * deviation, np.asarray(bias[0] * deviation + mean)

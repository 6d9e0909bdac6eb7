"""T2CR: the difference to exemplars' scores, in two paths (ke2024).

From the published facts of the method: its sizes, losses and number of voters. The paper's text was
not at hand; what is said to be ours below is what they leave open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples
from aqa.models.heads.base import check_sequences, param
from aqa.models.heads.base.two_paths import MetVideos, TwoPathNet, pair_losses
from aqa.models.heads.base.voting import Numbers, VotingHead
from aqa.models.heads.base.widths import check_parts, fitting_width, width_param
from aqa.models.training import losses
from aqa.models.training.loop import BatchSource, Trainer, VideoBatch, weighted_mean
from aqa.models.training.partners import DrawnPartners, batch_of

WIDTH = 64
PUBLISHED = (
    *(f"hidden={WIDTH}", "attention_heads=8", "layers=3", "exemplars=10"),
    *("contrast=0.1", "itself=10"),
)
"""The parameters of `aqa fit --head t2cr` with which it is as published."""
_AT_ONCE = 512  # pairs


class TwoPathTrainer(Trainer):
    """Trains a `TwoPathNet` by five losses; stopped by the squared error of the differences."""

    criterion: ClassVar[str] = "val_mse"

    def __init__(self, *arguments: Any, weights: Mapping[str, float]):
        super().__init__(*arguments)
        self.weights = weights

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        assert isinstance(batch, MetVideos)
        assert isinstance(self.net, TwoPathNet)
        each = pair_losses(self.net.said(batch), batch)
        total = torch.stack([self.weights.get(name, 1.0) * loss for name, loss in each.items()])
        return total.sum()

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean squared error of the pairs' score differences, scaled."""
        self.net.eval()
        batches = examples.batches(self.settings.batch_size)
        return weighted_mean((self._error(batch), self.count(batch)) for batch in batches)

    def count(self, batch: VideoBatch) -> int:
        """See `Trainer.count`: the pairs."""
        assert isinstance(batch, MetVideos)
        return len(batch.first)

    def _error(self, batch: VideoBatch) -> float:
        assert isinstance(batch, MetVideos)
        said = self.net(batch.x, batch.lengths, batch.first, batch.second)
        meant = batch.targets[batch.second] - batch.targets[batch.first]
        return float(self.loss(said, meant))


@dataclass(repr=False, eq=False)
class T2CRHead(VotingHead):
    """Predicts how far a video's score is from an exemplar's, clip by clip; ten exemplars vote.

    A video and an exemplar read each other in two paths, of all clips and of half as many. Besides
    the difference it learns each video's own score, that both agree, that a video does not differ
    from itself, and to know a video again in the other path. In every epoch a video meets one
    exemplar, drawn anew among the training videos of its group. Exemplars and their votes: see
    `VotingHead`. As published: `-p hidden=64 -p attention_heads=8 -p layers=3 -p exemplars=10 -p
    contrast=0.1 -p itself=10`.
    """

    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    hidden: int | None = width_param(WIDTH, "ke2024")
    attention_heads: int = param(8, "attention heads; a divisor of hidden", source="ke2024")
    layers: int = param(3, "layers through which clips read those of the other", source="ke2024")
    dropout: float = param(0.1, "share of values dropped in the layers", source="ours", below=1)
    contrast: float = param(0.1, "weight of telling videos apart across the paths", source="ke2024")
    itself: float = param(
        10.0, "weight of a video's difference from itself, which is to be 0", source="ke2024"
    )

    fitted: ClassVar[tuple[str, ...]] = (*VotingHead.fitted, "ex_lengths_", "videos_")

    @torch.no_grad()
    @deterministic_kernels()
    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.predict_examples`."""
        self.check_fitted()
        features = check_sequences(examples.features, self.clip_shape, ids=examples.ids)
        first, second = self.exemplar_pairs(examples)
        ends = np.cumsum(self.ex_lengths_)[:-1]
        shown = [*np.split(self.ex_features_, ends), *features]
        known = len(self.ex_lengths_)
        videos = self.tensors(shown, np.zeros(len(shown)))
        net = self.net_.to(pick_device(self.device)).eval()
        differences = []
        for start in range(0, len(first), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            pairs = np.stack([first[some], second[some] + known], axis=1)
            batch = batch_of(videos, pairs, MetVideos)
            said = net(batch.x, batch.lengths, batch.first, batch.second)
            differences.append(said.double().cpu().numpy())
        return self.vote(first, second, np.concatenate(differences))

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        width = self.hidden or fitting_width(WIDTH, dim, int(self.videos_))
        check_parts(width, self.attention_heads)
        return TwoPathNet(dim, width, self.attention_heads, self.layers, self.dropout)

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        check_parts(self.hidden, self.attention_heads)

    def train_pairs(
        self,
        shown: list[NDArray[np.float32]],
        scores: NDArray[np.float64],
        groups: Numbers,
        held: Numbers,
    ) -> None:
        """See `VotingHead.train_pairs`: each video beside one that is drawn anew."""
        every = np.arange(len(scores))
        out = np.isin(every, held)
        videos, dim = self.tensors(shown, scores), shown[0].shape[1]

        def partners(asked: Numbers, known: NDArray[np.bool_]) -> DrawnPartners[MetVideos]:
            return DrawnPartners(videos, asked, known, groups, MetVideos, self.exemplars)

        def trainer(net: nn.Module) -> Trainer:
            weights = {"contrast": self.contrast, "itself": self.itself}
            settings = self.training_settings()
            return TwoPathTrainer(net, losses.mse, settings, self.seed, weights=weights)

        learned = partners(every[~out], ~out)
        stopping = partners(held, ~out)
        stop = stopping if any(True for _ in stopping.batches(1)) else None
        self.train_net(lambda: self.build(dim), learned, stop, trainer)
        if stop is not None and len(self.held_out_):
            again = partners(every, np.ones_like(out))
            self.refit_net(lambda: self.build(dim), lambda: again, trainer)


HEAD = T2CRHead

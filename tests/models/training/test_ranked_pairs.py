"""Losses of given pairs by the naive sum, their gradients, and batches of pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from aqa.models.training.loop import AugmentedVideos, TrainingSettings, VideoTensors
from aqa.models.training.losses import bradley_terry, make_pair_loss, pair_margin
from aqa.models.training.ranked_pairs import RankedVideos, RankingTrainer

BETTER = torch.tensor([2.0, 0.5, -1.0])
WORSE = torch.tensor([0.0, 0.2, 1.0])
PAIRS = np.array([[0, 1], [2, 1], [3, 0], [0, 2], [1, 3]])


def videos(n: int, versions: int = 1) -> VideoTensors:
    """Video i has i + 1 clips, each of which is i, and under augmentation k 100 k more."""
    clips = [
        np.full((i + 1, 1), 100 * k + i, np.float32) for k in range(versions) for i in range(n)
    ]
    return VideoTensors.of(clips, np.zeros(len(clips)), torch.device("cpu"))


class Mean(nn.Module):
    """The mean of a video's clips times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=(1, 2)) / lengths * self.weight


def test_the_margin_loss_is_the_mean_shortfall() -> None:
    naive = np.mean([max(0, 1 - (b - w)) for b, w in zip(BETTER, WORSE, strict=True)])
    assert pair_margin(BETTER, WORSE, 1.0).item() == pytest.approx(naive)
    assert make_pair_loss("pair-margin", 1.0)(BETTER, WORSE).item() == pytest.approx(naive)
    assert pair_margin(BETTER, WORSE, 4.0).item() == pytest.approx((2 + 3.7 + 6) / 3)


def test_only_pairs_within_the_margin_pull() -> None:
    better, worse = BETTER.clone().requires_grad_(), WORSE.clone().requires_grad_()
    pair_margin(better, worse, 1.0).backward()
    assert better.grad is not None
    assert worse.grad is not None
    assert better.grad.tolist() == pytest.approx([0, -1 / 3, -1 / 3])
    assert worse.grad.tolist() == pytest.approx([0, 1 / 3, 1 / 3])


def test_bradley_terry_is_the_mean_log_loss_of_differences() -> None:
    chance = 1 / (1 + np.exp(-(BETTER - WORSE).numpy()))
    assert bradley_terry(BETTER, WORSE).item() == pytest.approx(-np.log(chance).mean())
    better = BETTER.clone().requires_grad_()
    make_pair_loss("bradley-terry", 1.0)(better, WORSE).backward()
    assert better.grad is not None
    assert better.grad.tolist() == pytest.approx(((chance - 1) / 3).tolist())


def test_an_epoch_holds_every_pair_once_and_each_video_once_per_batch() -> None:
    source = RankedVideos(videos(4), PAIRS)
    assert len(source) == 5
    seen = []
    for batch in source.batches(2, torch.tensor([4, 0, 3, 1, 2])):
        shown = batch.x[:, 0, 0].long()
        assert len(shown.unique()) == len(shown)
        assert batch.lengths.tolist() == (shown + 1).tolist()
        seen += list(zip(shown[batch.better].tolist(), shown[batch.worse].tolist(), strict=True))
    assert seen == [tuple(PAIRS[i].tolist()) for i in (4, 0, 3, 1, 2)]


def test_augmentations_are_drawn_in_training_alone() -> None:
    augmented = AugmentedVideos(videos(4, versions=3), 3, seed=0)
    source = RankedVideos(augmented, PAIRS)
    versions = {
        int(value) // 100
        for _ in range(5)
        for batch in source.batches(2, torch.arange(5))
        for value in batch.x[:, 0, 0]
    }
    assert versions == {0, 1, 2}
    settings = TrainingSettings(epochs=1, batch_size=2, lr=0.1)
    trainer = RankingTrainer(Mean(), make_pair_loss("pair-margin", 1.0), settings, 0)
    plain = trainer.evaluate(RankedVideos(videos(4), PAIRS))
    assert trainer.evaluate(source) == pytest.approx(plain)


def test_all_pairs_are_evaluated_at_once() -> None:
    net = Mean()
    settings = TrainingSettings(epochs=1, batch_size=2, lr=0.1)
    trainer = RankingTrainer(net, make_pair_loss("pair-margin", 1.0), settings, 0)
    said = np.arange(4.0)
    naive = np.mean([max(0, 1 - (said[b] - said[w])) for b, w in PAIRS])
    assert trainer.evaluate(RankedVideos(videos(4), PAIRS)) == pytest.approx(naive)


def test_training_turns_a_network_that_has_the_order_wrong() -> None:
    net = Mean()
    settings = TrainingSettings(epochs=60, batch_size=2, lr=0.1)
    trainer = RankingTrainer(net, make_pair_loss("pair-margin", 1.0), settings, 0)
    history = trainer.fit(RankedVideos(videos(4), np.array([[0, 1], [1, 2], [2, 3]])), None)
    assert net.weight.item() < -0.9
    assert history[-1]["train_loss"] < 0.1 < history[0]["train_loss"]

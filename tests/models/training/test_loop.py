"""Batches of videos, and what a trainer is evaluated by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from aqa.models.training.loop import AugmentedVideos, ScoreTrainer, TrainingSettings, VideoTensors
from aqa.models.training.losses import make_loss

CPU = torch.device("cpu")


def videos_of(lengths, rng, dim=3):
    x = [rng.normal(size=(n, dim)) for n in lengths]
    return x, VideoTensors.of(x, np.arange(len(x), dtype=float), CPU)


@pytest.mark.parametrize("lengths", [[4] * 7, [3, 1, 5, 5, 2, 1, 4]])
@pytest.mark.parametrize("size", [1, 3, 7, 20])
def test_batches_are_padded_lists_of_videos(lengths, size, rng) -> None:
    x, videos = videos_of(lengths, rng)
    order = torch.from_numpy(rng.permutation(7))
    batches = list(videos.batches(size, order))
    assert [len(batch.x) for batch in batches] == [len(part) for part in order.split(size)]
    for batch, chosen in zip(batches, order.split(size), strict=True):
        picked = [torch.tensor(x[i], dtype=torch.float32) for i in chosen.tolist()]
        assert torch.equal(batch.x, pad_sequence(picked, batch_first=True))
        assert batch.lengths.tolist() == [lengths[i] for i in chosen.tolist()]
        assert torch.equal(batch.targets, chosen.float())


def test_videos_come_back_as_they_went_in(rng) -> None:
    x, videos = videos_of([3, 1, 5], rng)
    assert len(videos) == 3
    for sequence, kept in zip(x, videos.sequences, strict=True):
        np.testing.assert_array_equal(kept.numpy(), sequence.astype(np.float32))


def test_every_epoch_shows_each_video_once_by_some_view(rng) -> None:
    """Video v of view k holds 10 v + k in every clip; views differ in length."""
    x = [np.full((1 + (v + k) % 3, 1), 10 * v + k) for k in range(3) for v in range(40)]
    targets = np.tile(np.arange(40.0), 3)
    shown = AugmentedVideos(VideoTensors.of(x, targets, CPU), 3, seed=0)
    seen = []
    for _ in range(2):
        order = torch.from_numpy(rng.permutation(40))
        batches = list(shown.batches(7, order))
        values = torch.cat([batch.x[:, 0, 0] for batch in batches]).long()
        assert torch.equal(values // 10, order)
        assert torch.equal(torch.cat([batch.targets for batch in batches]).long(), order)
        seen.append((values % 10)[order.argsort()])
    assert set(seen[0].tolist()) == {0, 1, 2}
    assert not torch.equal(*seen)


def test_without_an_order_the_originals_are_shown(rng) -> None:
    x = [np.full((2, 1), 10 * v + k) for k in range(3) for v in range(5)]
    shown = AugmentedVideos(VideoTensors.of(x, np.zeros(15), CPU), 3, seed=0)
    (batch,) = shown.batches(10)
    assert batch.x[:, 0, 0].tolist() == [0, 10, 20, 30, 40]


class FirstValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x, lengths):
        return self.scale * x[:, 0, 0]


@pytest.mark.parametrize("name", ["mse", "ranking", "mse+ranking"])
def test_validation_does_not_depend_on_the_size_of_batches(name, rng) -> None:
    _, videos = videos_of([2] * 11, rng)
    loss = make_loss(name, 0.5, "balanced")
    values = [
        ScoreTrainer(FirstValue(), loss, TrainingSettings(1, size, lr=1e-3), seed=0).evaluate(
            videos
        )
        for size in (1, 4, 11)
    ]
    (batch,) = videos.batches(11)
    assert values == pytest.approx([loss(batch.x[:, 0, 0], batch.targets).item()] * 3)
    assert values[0] > 0

"""Batches of videos, and what a trainer is evaluated by."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from aqa.models.training.loop import (
    AugmentedVideos,
    ScoreTrainer,
    Trainer,
    TrainingSettings,
    VideoTensors,
)
from aqa.models.training.losses import make_loss
from aqa.models.training.weight_average import WeightAverage

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


def trainer(loss=None, *, batch_size: int = 3, lr: float = 0.0, **settings) -> Trainer:
    """One of a network of a single weight; with the rate of 0 its steps change nothing."""
    loss = make_loss("mse", 0.5, "balanced") if loss is None else loss
    return Trainer(FirstValue(), loss, TrainingSettings(1, batch_size, lr=lr, **settings), seed=0)


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_a_smaller_last_batch_counts_for_less_in_an_epochs_loss(size, rng) -> None:
    x, videos = videos_of([2] * 7, rng)
    errors = [sequence[0, 0] - target for target, sequence in enumerate(x)]
    running = trainer(batch_size=size)
    assert running.epoch(videos) == pytest.approx(np.mean(np.square(errors)), rel=1e-6)
    assert running.steps == -(-7 // size)
    assert running.evaluate(videos) == pytest.approx(np.mean(np.square(errors)), rel=1e-6)


def gradient_of_a_step(clip: float | None) -> float:
    running = trainer(lr=1e-3, clip_gradient=clip)
    _, videos = videos_of([2] * 3, np.random.default_rng(0))
    (batch,) = videos.batches(3)
    running.step(batch)
    return float(running.net.scale.grad.norm())


def test_a_steps_gradient_is_clipped() -> None:
    free = gradient_of_a_step(None)
    assert free > 0.5
    assert gradient_of_a_step(0.5 * free) == pytest.approx(0.5 * free, rel=1e-3)
    assert gradient_of_a_step(2 * free) == free


def test_weight_decay_draws_the_weights_to_0() -> None:
    _, videos = videos_of([2] * 3, np.random.default_rng(0))
    (batch,) = videos.batches(3)
    moved = {}
    for decay in (0.0, 0.1):
        running = trainer(lambda predicted, _: 0 * predicted.sum(), lr=0.01, weight_decay=decay)
        running.step(batch)
        moved[decay] = float(running.net.scale.detach())
    assert moved[0.0] == 1.0
    assert moved[0.1] == pytest.approx(0.99, abs=1e-4)  # Adam's first step is as long as the rate


def test_the_learning_rate_is_halved_every_so_many_steps() -> None:
    _, videos = videos_of([2] * 5, np.random.default_rng(0))
    running = trainer(batch_size=1, lr=0.08, lr_halve_every=2)
    rates = []
    for batch in videos.batches(1):
        running.step(batch)
        rates.append(running.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.08, 0.08, 0.04, 0.04, 0.02])


class Told(Trainer):
    """Its validation losses are these."""

    def __init__(self, told, **settings):
        super().__init__(FirstValue(), lambda p, t: p.sum(), TrainingSettings(**settings), 0)
        self.told = iter(told)

    def step(self, batch):
        """The weight counts the steps."""
        self.net.scale.data += 1
        self.steps += 1
        return 0.0

    def evaluate(self, examples):
        """See `Trainer.evaluate`."""
        return next(self.told)


def test_training_stops_after_its_patience_and_keeps_the_best_epoch(rng) -> None:
    _, videos = videos_of([2] * 3, rng)
    running = Told([5.0, 3.0, 4.0, 3.0, 9.0], epochs=9, batch_size=3, lr=0.1, patience=3)
    history = running.fit(videos, videos)
    assert [row["val_loss"] for row in history] == [5.0, 3.0, 4.0, 3.0, 9.0]
    assert running.net.scale.item() == 1 + 2  # as after epoch 2: an equal loss is no better


def test_without_validation_all_epochs_are_run_and_the_last_is_kept(rng) -> None:
    _, videos = videos_of([2] * 3, rng)
    running = Told([], epochs=4, batch_size=3, lr=0.1, patience=1)
    assert len(running.fit(videos, None)) == 4
    assert running.net.scale.item() == 1 + 4


def test_the_average_of_the_weights_is_validated_and_kept(rng) -> None:
    """The weight counts the steps, from 2; of its average each step leaves a half at most."""
    _, videos = videos_of([2] * 3, rng)
    seen = []

    class Seeing(Told):
        def evaluate(self, examples):
            seen.append(self.net.scale.item())
            return super().evaluate(examples)

        def step(self, batch):
            loss = super().step(batch)
            self.averaged.add(self.net)
            return loss

    settings = {"batch_size": 3, "lr": 0.1, "average": 0.15}
    running = Seeing([5.0, 3.0, 4.0], epochs=3, **settings)
    running.fit(videos, videos)
    second = 0.15 * 2 + 0.85 * 3  # (1 + 1) / (10 + 1) would be more
    expected = [2.0, second, 0.15 * second + 0.85 * 4]
    assert seen == pytest.approx(expected)
    assert running.net.scale.item() == pytest.approx(second)  # as after epoch 2
    last = Seeing([], epochs=3, **settings)
    last.fit(videos, None)
    assert last.net.scale.item() == pytest.approx(expected[2])


def test_the_average_soon_forgets_the_first_weights(rng) -> None:
    net = FirstValue()
    average = WeightAverage(net, decay=0.9)
    for value in (1.0, 2.0, 3.0):
        net.scale.data.fill_(value)
        average.add(net)
    second = (2 * 1 + 9 * 2) / 11
    assert average.net.scale.item() == pytest.approx((3 * second + 9 * 3) / 12)


def test_training_ends_with_the_epoch_that_reaches_so_many_steps(rng) -> None:
    _, videos = videos_of([2] * 3, rng)  # in batches of 2: 2 steps per epoch
    settings = {"epochs": 9, "batch_size": 2, "lr": 0.1, "max_steps": 5}
    told = [5.0, 4.0, 3.0]
    assert [row["epoch"] for row in Told(told, **settings).fit(videos, videos)] == [1, 2, 3]
    assert len(Told([], **settings).fit(videos, None)) == 3
    assert len(Told([], **settings).fit(videos, None, 7)) == 7  # a refit is as long as it is told


def test_a_transform_sees_one_video_at_a_time(rng) -> None:
    x = [rng.normal(size=(n, 3)).astype(np.float32) for n in (3, 1, 5)]
    seen = []

    def halved(sequence):
        seen.append(sequence)
        return sequence.astype(np.float64) / 2

    videos = VideoTensors.of(x, np.zeros(3), CPU, halved)
    assert all(one is other for one, other in zip(seen, x, strict=True))
    for sequence, kept in zip(x, videos.sequences, strict=True):
        np.testing.assert_array_equal(kept.numpy(), sequence / 2)
    assert not videos.clips[-1].any()  # the row of zeros behind the last

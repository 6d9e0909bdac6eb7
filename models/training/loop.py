"""The one training loop: a step, an epoch, and a fit that stops early and keeps the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.device import deterministic_kernels
from aqa.models.training.callback import tell_epoch, tell_network
from aqa.models.training.losses import Loss
from aqa.models.training.weight_average import WeightAverage


@dataclass(frozen=True)
class VideoTensors:
    """All videos' clips in one tensor on one device; each batch is gathered from it in one step.

    clips: (clips of all videos + 1, dim), one video after the other, then a row of zeros.
    starts, lengths: (n,) rows of `clips`, where each video begins and how many it has. targets:
    (n,) or (n, k).
    """

    clips: Tensor
    starts: Tensor
    lengths: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def of(
        cls,
        sequences: Sequence[NDArray[np.floating]],
        targets: NDArray[np.floating],
        device: torch.device,
        transform: Callable[[NDArray[np.floating]], NDArray[np.floating]] | None = None,
    ) -> VideoTensors:
        """Copy arrays to a device, as float32.

        transform: applied to each video's (n_clips, dim) first, one video at a time, so that
        memory holds a second copy of one video only.
        """
        lengths = np.array([len(sequence) for sequence in sequences])
        starts = np.cumsum(lengths) - lengths
        clips = np.zeros((lengths.sum() + 1, sequences[0].shape[1]), np.float32)
        for start, length, sequence in zip(starts, lengths, sequences, strict=True):
            clips[start : start + length] = transform(sequence) if transform else sequence
        return cls(
            torch.from_numpy(clips).to(device),
            torch.from_numpy(starts).to(device),
            torch.from_numpy(lengths).to(device),
            torch.as_tensor(targets, dtype=torch.float32, device=device),
        )

    @property
    def sequences(self) -> tuple[Tensor, ...]:
        """Each video's clips, (n_clips, dim)."""
        return self.clips[:-1].split(self.lengths.tolist())

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[VideoBatch]:
        """Batches of `size` videos, in the given order."""
        order = torch.arange(len(self)) if order is None else order
        for chosen in order.to(self.clips.device).split(size):
            lengths = self.lengths[chosen]
            step = torch.arange(int(lengths.max()), device=lengths.device)  # (longest,)
            rows = self.starts[chosen, None] + step  # (n, longest)
            rows = rows.where(step < lengths[:, None], len(self.clips) - 1)
            x = self.clips.index_select(0, rows.flatten()).unflatten(0, rows.shape)
            yield VideoBatch(x, lengths, self.targets[chosen])


@dataclass(frozen=True)
class VideoBatch:
    """x: (n, longest, dim), zero after a video's end. lengths: (n,) in clips. targets: (n[, k])."""

    x: Tensor
    lengths: Tensor
    targets: Tensor


class BatchSource(Protocol):
    """What a network is trained on; it gives new batches in each epoch."""

    def __len__(self) -> int:
        """The number of videos."""
        ...

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[VideoBatch]:
        """Batches of at most `size` videos, in the given order of their numbers."""
        ...


class AugmentedVideos:
    """Training videos, each shown in an epoch as it is or under an augmentation, drawn anew.

    videos: first all videos as they are, then all under each augmentation; `n_versions` times the
    same videos. seed: of the draws.
    """

    def __init__(self, videos: BatchSource, n_versions: int, seed: int):
        self.videos, self.n_versions = videos, n_versions
        # A stream of its own: that of the shuffling would tie a video's augmentation to its place.
        self._draws = np.random.default_rng([seed, n_versions])

    def __len__(self) -> int:
        return len(self.videos) // self.n_versions

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[VideoBatch]:
        """See `BatchSource.batches`; without an order, the videos as they are."""
        if order is None:
            return self.videos.batches(size, torch.arange(len(self)))
        version = torch.from_numpy(self._draws.integers(self.n_versions, size=len(order)))
        return self.videos.batches(size, version * len(self) + order)


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    epochs: the most there are. batch_size: in videos. lr: Adam's learning rate, multiplied by
    `lr_factor` every `lr_halve_every` steps. weight_decay: Adam's L2 penalty. patience: epochs
    without a better validation loss after which training stops; the weights of the best epoch are
    kept. Without validation videos all epochs are run, and the last weights are kept.
    clip_gradient: the largest norm of a step's gradient. max_steps: training ends with the epoch
    in which so many are reached; a number of epochs that is given to `Trainer.fit` is run whole.
    average: see `WeightAverage`; the averaged weights are validated, and kept.
    epoch_factor: what the learning rate is multiplied by in an epoch, by its number from 1.
    """

    epochs: int
    batch_size: int
    lr: float
    lr_halve_every: int | None = None
    lr_factor: float = 0.5
    weight_decay: float = 0.0
    patience: int = 20
    clip_gradient: float | None = None
    max_steps: int | None = None
    average: float | None = None
    epoch_factor: Callable[[int], float] | None = None


@contextmanager
def threads_for(net: nn.Module) -> Iterator[None]:
    """One thread for a small network: its steps are too short to be shared, and on a busy machine
    the threads' waiting for each other costs several times the work.
    """
    before = torch.get_num_threads()
    if sum(parameter.numel() for parameter in net.parameters()) < 1_000_000:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def weighted_mean(losses: Iterable[tuple[float, int]]) -> float:
    """The mean of batches' mean losses, each beside the number of values that it is the mean of.

    The last batch of an epoch is smaller than the others, and counts for less.
    """
    total, seen = 0.0, 0
    for loss, count in losses:
        total += loss * count
        seen += count
    return total / seen


class Trainer:
    """Trains a network in place; `step`, `epoch` and `fit` can each be overridden alone.

    criterion: the history's name for the value of `evaluate`, by which training is stopped.
    """

    criterion: ClassVar[str] = "val_loss"

    def __init__(self, net: nn.Module, loss: Loss, settings: TrainingSettings, seed: int):
        self.net, self.loss, self.settings = net, loss, settings
        self.optimizer = torch.optim.Adam(
            net.parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
        )
        self.steps = 0
        self.averaged: WeightAverage | None = None
        self._factor = 1.0  # of the present epoch
        self._shuffle = torch.Generator().manual_seed(seed)

    def objective(self, batch: VideoBatch) -> Tensor:
        """The loss of a batch, a mean."""
        return self.loss(self.net(batch.x, batch.lengths), batch.targets)

    def count(self, batch: VideoBatch) -> int:
        """How many values the mean loss of a batch is taken over; it weighs so much in an epoch."""
        return len(batch.targets)

    def step(self, batch: VideoBatch) -> float:
        """Update the weights once; returns the loss before the update."""
        cuts = self.steps // self.settings.lr_halve_every if self.settings.lr_halve_every else 0
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.lr * self.settings.lr_factor**cuts * self._factor
        self.optimizer.zero_grad()
        loss = self.objective(batch)
        loss.backward()
        if self.settings.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.clip_gradient)
        self.optimizer.step()
        self.steps += 1
        if self.averaged is not None:
            self.averaged.add(self.net)
        return float(loss.detach())

    def shuffled(self, examples: BatchSource) -> Iterator[VideoBatch]:
        """Batches of all examples, in a new order."""
        order = torch.randperm(len(examples), generator=self._shuffle)
        return examples.batches(self.settings.batch_size, order)

    def epoch(self, examples: BatchSource) -> float:
        """Learn once from all examples, in a new order; returns their mean loss."""
        self.net.train()
        batches = self.shuffled(examples)
        return weighted_mean((self.step(batch), self.count(batch)) for batch in batches)

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """The mean loss over examples, without learning from them."""
        self.net.eval()
        batches = examples.batches(self.settings.batch_size)
        return weighted_mean((float(self.objective(batch)), self.count(batch)) for batch in batches)

    @deterministic_kernels()
    def fit(
        self, train: BatchSource, validation: BatchSource | None, epochs: int | None = None
    ) -> list[dict[str, Any]]:
        """Train; returns one row per epoch: its number, losses and learning rate.

        epochs: at most so many, instead of the settings' number.
        """
        history: list[dict[str, Any]] = []
        best, kept = np.inf, None
        waited = 0
        if self.settings.average is not None:
            self.averaged = WeightAverage(self.net, self.settings.average)
        most_steps = self.settings.max_steps if epochs is None else None
        tell_network(epochs or self.settings.epochs)
        for number in range(1, (epochs or self.settings.epochs) + 1):
            if most_steps is not None and self.steps >= most_steps:
                break
            if self.settings.epoch_factor is not None:
                self._factor = self.settings.epoch_factor(number)
            row = {"epoch": number, "train_loss": self.epoch(train)}
            row["lr"] = self.optimizer.param_groups[0]["lr"]
            history.append(row)
            if not np.isfinite(row["train_loss"]):
                raise FloatingPointError(f"the loss is {row['train_loss']} in epoch {number}")
            if validation is None:
                tell_epoch(row)
                continue
            with self._shown():
                row[self.criterion] = self.evaluate(validation)
            tell_epoch(row)
            waited += 1
            if row[self.criterion] < best:
                best, waited = row[self.criterion], 0
                kept = {key: value.clone() for key, value in self._answering.state_dict().items()}
            if waited >= self.settings.patience:
                break
        if kept is None:
            kept = self._answering.state_dict()
        self.net.load_state_dict(kept)
        self.net.eval()
        return history

    @property
    def _answering(self) -> nn.Module:
        """The network whose weights are validated and kept."""
        return self.net if self.averaged is None else self.averaged.net

    @contextmanager
    def _shown(self) -> Iterator[None]:
        """In here `net` is the network that answers, for `evaluate`."""
        learner = self.net
        self.net = self._answering
        try:
            yield
        finally:
            self.net = learner


class ScoreTrainer(Trainer):
    """Trains a network to predict scores.

    Its loss is evaluated on all examples at once, since a ranking loss compares videos of different
    batches.
    """

    @torch.no_grad()
    def evaluate(self, examples: BatchSource) -> float:
        """See `Trainer.evaluate`."""
        self.net.eval()
        predicted, targets = [], []
        for batch in examples.batches(self.settings.batch_size):
            predicted.append(self.net(batch.x, batch.lengths))
            targets.append(batch.targets)
        return float(self.loss(torch.cat(predicted), torch.cat(targets)))

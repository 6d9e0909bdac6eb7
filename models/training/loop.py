"""The one training loop: a step, an epoch, and a fit that stops early and keeps the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.models.training.losses import Loss


@dataclass(frozen=True)
class Videos:
    """Videos on one device, held once; a batch of them is gathered in one step.

    clips: (clips of all videos + 1, dim), the videos one after the other, then a row of zeros.
    starts, lengths: (n,), of each video in `clips`. targets: (n,) or (n, k).
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
    ) -> Videos:
        """Copy arrays to a device, as float32."""
        lengths = np.array([len(sequence) for sequence in sequences])
        clips = np.zeros((lengths.sum() + 1, sequences[0].shape[1]), np.float32)
        np.concatenate(sequences, out=clips[:-1], casting="same_kind")
        return cls(
            torch.from_numpy(clips).to(device),
            torch.from_numpy(np.cumsum(lengths) - lengths).to(device),
            torch.from_numpy(lengths).to(device),
            torch.as_tensor(targets, dtype=torch.float32, device=device),
        )

    @property
    def sequences(self) -> tuple[Tensor, ...]:
        """Each video's clips, (n_clips, dim)."""
        return self.clips[:-1].split(self.lengths.tolist())

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Batch]:
        """Cut into batches of `size` videos, in the given order."""
        order = torch.arange(len(self)) if order is None else order
        for chosen in order.to(self.clips.device).split(size):
            lengths = self.lengths[chosen]
            step = torch.arange(int(lengths.max()), device=lengths.device)  # (longest,)
            rows = self.starts[chosen, None] + step  # (n, longest)
            rows = rows.where(step < lengths[:, None], len(self.clips) - 1)
            x = self.clips.index_select(0, rows.flatten()).unflatten(0, rows.shape)
            yield Batch(x, lengths, self.targets[chosen])


@dataclass(frozen=True)
class Batch:
    """x (n, longest, dim), zero behind a video's end; lengths (n,) in clips; targets (n[, k])."""

    x: Tensor
    lengths: Tensor
    targets: Tensor


class Examples(Protocol):
    """What a network is trained on, cut anew into batches in each epoch."""

    def __len__(self) -> int:
        """The number of videos."""
        ...

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Batch]:
        """Batches of at most `size` videos, which are taken in the given order."""
        ...


class ViewedVideos:
    """Training videos of which every epoch shows each by one of its views, drawn anew.

    videos: `n_views` times the same ones, a view after the other, the original first. seed: of
    the draws.
    """

    def __init__(self, videos: Examples, n_views: int, seed: int):
        self.videos, self.n_views = videos, n_views
        # A stream of its own: that of the shuffling would tie a video's view to its place.
        self._draws = np.random.default_rng([seed, n_views])

    def __len__(self) -> int:
        return len(self.videos) // self.n_views

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[Batch]:
        """See `Examples.batches`; without an order, the originals."""
        if order is None:
            return self.videos.batches(size, torch.arange(len(self)))
        view = torch.from_numpy(self._draws.integers(self.n_views, size=len(order)))
        return self.videos.batches(size, view * len(self) + order)


@dataclass(frozen=True)
class Schedule:
    """How a network is trained.

    epochs: at most. batch_size: in videos. lr: of Adam; halved every `lr_halve_every` steps.
    weight_decay: L2, by Adam. patience: epochs without a better validation loss before it stops;
    the best epoch's weights are kept. Without validation videos it runs all epochs and keeps the
    last. clip_gradient: largest norm of a step's gradient.
    """

    epochs: int
    batch_size: int
    lr: float
    lr_halve_every: int | None = None
    weight_decay: float = 0.0
    patience: int = 20
    clip_gradient: float | None = None


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


class Trainer:
    """Trains a network in place; `step`, `epoch` and `fit` can each be overridden alone.

    criterion: what `evaluate` gives and training is stopped by, as the history calls it.
    """

    criterion: ClassVar[str] = "val_loss"

    def __init__(self, net: nn.Module, loss: Loss, schedule: Schedule, seed: int):
        self.net, self.loss, self.schedule = net, loss, schedule
        self.optimizer = torch.optim.Adam(
            net.parameters(), lr=schedule.lr, weight_decay=schedule.weight_decay, fused=True
        )
        self.steps = 0
        self._shuffle = torch.Generator().manual_seed(seed)

    def objective(self, batch: Batch) -> Tensor:
        """The loss of a batch."""
        return self.loss(self.net(batch.x, batch.lengths), batch.targets)

    def step(self, batch: Batch) -> float:
        """One update of the weights; the loss before it."""
        halvings = self.steps // self.schedule.lr_halve_every if self.schedule.lr_halve_every else 0
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.lr * 0.5**halvings
        self.optimizer.zero_grad()
        loss = self.objective(batch)
        loss.backward()
        if self.schedule.clip_gradient is not None:
            nn.utils.clip_grad_norm_(self.net.parameters(), self.schedule.clip_gradient)
        self.optimizer.step()
        self.steps += 1
        return float(loss.detach())

    def shuffled(self, examples: Examples) -> Iterator[Batch]:
        """One pass over the examples in a new order."""
        order = torch.randperm(len(examples), generator=self._shuffle)
        return examples.batches(self.schedule.batch_size, order)

    def epoch(self, examples: Examples) -> float:
        """One pass over the examples in a new order; their mean loss."""
        self.net.train()
        total, seen = 0.0, 0
        for batch in self.shuffled(examples):
            total += self.step(batch) * len(batch.targets)
            seen += len(batch.targets)
        return total / seen

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> float:
        """The mean loss over examples, without learning from them."""
        self.net.eval()
        total, seen = 0.0, 0
        for batch in examples.batches(self.schedule.batch_size):
            total += float(self.objective(batch)) * len(batch.targets)
            seen += len(batch.targets)
        return total / seen

    def fit(self, train: Examples, validation: Examples | None) -> list[dict[str, Any]]:
        """Train; one row an epoch: its number, losses and learning rate."""
        history: list[dict[str, Any]] = []
        best, kept = np.inf, None
        waited = 0
        for number in range(1, self.schedule.epochs + 1):
            row = {"epoch": number, "train_loss": self.epoch(train)}
            row["lr"] = self.optimizer.param_groups[0]["lr"]
            history.append(row)
            if not np.isfinite(row["train_loss"]):
                raise FloatingPointError(f"the loss is {row['train_loss']} in epoch {number}")
            if validation is None:
                continue
            row[self.criterion] = self.evaluate(validation)
            waited += 1
            if row[self.criterion] < best:
                best, waited = row[self.criterion], 0
                kept = {key: value.clone() for key, value in self.net.state_dict().items()}
            if waited >= self.schedule.patience:
                break
        if kept is not None:
            self.net.load_state_dict(kept)
        self.net.eval()
        return history


class ScoreTrainer(Trainer):
    """Trains a network to scores.

    It is evaluated on all examples at once: a ranking loss compares videos of different batches.
    """

    @torch.no_grad()
    def evaluate(self, examples: Examples) -> float:
        """See `Trainer.evaluate`."""
        self.net.eval()
        predicted, targets = [], []
        for batch in examples.batches(self.schedule.batch_size):
            predicted.append(self.net(batch.x, batch.lengths))
            targets.append(batch.targets)
        return float(self.loss(torch.cat(predicted), torch.cat(targets)))

"""The training loop of fine-tuning: an update, an epoch, all epochs (farabi2021 §4.2).

The backbone is any module and the clips come from any source: nothing here knows of video files.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from aqa.device import deterministic_kernels
from aqa.errors import HeadError
from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune import snapshots
from aqa.workflows.finetune.data import (
    MicroBatch,
    ScoredClips,
    ShownVideo,
    joined_columns,
    micro_batches,
    shown_videos,
)
from aqa.workflows.finetune.epochs import chosen_epochs
from aqa.workflows.finetune.memory import peak_memory, reset_peak_memory
from aqa.workflows.finetune.network import EndToEnd, clip_features
from aqa.workflows.finetune.progress import FinetuneProgress
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.finetune.states import TrainingState, TrainingStates


class FineTuner:
    """Trains a backbone and a head's network together; both are changed in place."""

    def __init__(
        self,
        backbone: nn.Module,
        adapter: EndToEndAdapter,
        settings: FinetuneSettings,
        group: ProcessGroup,
    ):
        settings = settings.resolved(untrained=False)  # `finetune` knows better
        self.adapter, self.settings, self.group = adapter, settings, group
        self.joint = EndToEnd(backbone, adapter, settings).to(group.device)
        # Wrapping copies the first process's weights and buffers to the others.
        self._module: nn.Module = self.joint
        if group.size > 1:
            self._module = DistributedDataParallel(
                self.joint,
                device_ids=[group.device] if group.device.type == "cuda" else None,
            )
        groups: list[dict[str, Any]] = [
            {"params": list(self.joint.backbone.parameters()), "lr": settings.lr_backbone},
            {"params": list(self.joint.net.parameters()), "lr": settings.lr_head},
        ]
        self.optimizer = torch.optim.Adam(groups, weight_decay=settings.weight_decay, fused=True)
        self._rates: list[float] = [group["lr"] for group in groups]
        self.scaler = torch.amp.GradScaler(
            group.device.type, enabled=settings.precision == "float16"
        )
        reset_peak_memory(group.device)

    # An update, an epoch ------------------------------------------------------------------------

    def gradients(
        self, batches: Sequence[MicroBatch], videos: Iterator[ShownVideo], targets: Tensor
    ) -> float:
        """Compute an update's gradient; returns this process's part of the loss before it.

        batches: this process's. videos: those of the batches, in order. targets: a row for every
        training video.
        """
        self.optimizer.zero_grad()
        loss = 0.0
        for number, (numbers, weight) in enumerate(batches):
            last = number == len(batches) - 1
            with nullcontext() if last or self.group.size == 1 else self._module.no_sync():  # type: ignore[operator]
                batch = [next(videos) for _ in numbers]
                batch_loss = weight * self._loss(batch, targets[numbers])
                # Gradients are averaged over processes, and have to be added up.
                self.scaler.scale(batch_loss * self.group.size).backward()
            loss += float(batch_loss.detach())
        return loss

    def step(
        self, batches: Sequence[MicroBatch], videos: Iterator[ShownVideo], targets: Tensor
    ) -> float:
        """Update all weights once; see `gradients`."""
        loss = self.gradients(batches, videos, targets)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def epoch(
        self, videos: ScoredClips, number: int, progress: FinetuneProgress | None = None
    ) -> float:
        """Train on every video once, in an order drawn for this epoch; returns the mean loss.

        Everything random depends on (seed, epoch) alone, so that an epoch can be repeated.
        """
        self.joint.train()
        settings, group = self.settings, self.group
        (seed,) = np.random.SeedSequence([settings.seed, number, group.rank]).generate_state(1)
        torch.manual_seed(int(seed))
        order = np.random.default_rng([settings.seed, number]).permutation(len(videos)).tolist()
        size = settings.batch_size
        updates = [order[i : i + size] for i in range(0, len(order), size)]
        shares = [micro_batches(update, settings.accumulate, group) for update in updates]
        read = [i for share in shares for batch in share for i in batch.videos]
        shown, targets = shown_videos(videos, self.adapter, read, number), self.targets(videos)
        total = 0.0
        before = (number - 1) * len(updates)
        for done, (update, share) in enumerate(zip(updates, shares, strict=True), before):
            self._set_rates(done)
            total += self.step(share, shown, targets) * len(update)
            if progress:
                progress.videos(len(update))
        return float(sum(group.gather([total]))) / len(order)

    def _set_rates(self, done: int) -> None:
        """Set the learning rates for the update after `done` ones."""
        factor = self.settings.lr_decay ** (done // self.settings.lr_decay_every)
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def evaluate(self, videos: ScoredClips) -> float:
        """The head's loss on videos, without learning from them."""
        self.joint.eval()
        precision = self.settings.precision
        examples = clip_features(self.joint.backbone, self.adapter, videos, precision, self.group)
        return self.adapter.loss_on(examples)

    def targets(self, videos: ScoredClips) -> Tensor:
        """What the loss compares the network's outputs with, a row per video."""
        targets = self.adapter.targets(videos.scores, videos.columns)
        return torch.as_tensor(targets, dtype=torch.float32, device=self.group.device)

    def _loss(self, videos: Sequence[ShownVideo], targets: Tensor) -> Tensor:
        clips = torch.cat([video.clips for video in videos])
        if self.group.device.type == "cuda":
            clips = clips.pin_memory()
        loss: Tensor = self._module(
            clips.to(self.group.device, non_blocking=True),
            [len(video.clips) for video in videos],
            targets,
            joined_columns([video.columns for video in videos]),
        )
        return loss

    # The training -------------------------------------------------------------------------------

    def fit(
        self,
        train: ScoredClips,
        validation: ScoredClips,
        states: TrainingStates,
        state: TrainingState | None = None,
        notes: Mapping[str, Any] | None = None,
        *,
        test: ScoredClips | None = None,
        progress: FinetuneProgress | None = None,
    ) -> TrainingState:
        """Train all epochs, from the beginning or from `state`; returns the last state.

        The state after each epoch is saved in `states`. notes: to keep in the states. test:
        evaluated after each epoch too, to find the best epoch on it.
        Raises `HeadError` where the loss is not finite or the GPU's memory is too small.
        """
        devices = [self.group.device] if self.group.device.type == "cuda" else []
        progress = progress or FinetuneProgress()
        with torch.random.fork_rng(devices=devices), deterministic_kernels():
            if state is not None:
                snapshots.restore(self, state.tensors)
            else:
                row = {"epoch": 0, "train_loss": None, **self._evaluated(validation, test)}
                state = self._save(states, TrainingState(0, {}, [row], notes or {}), progress)
            for number in range(state.epoch + 1, self.settings.epochs + 1):
                started = time.perf_counter()
                progress.start(number, len(train))
                row = {"epoch": number, "train_loss": self._checked_epoch(train, number, progress)}
                row |= self._evaluated(validation, test)
                row["seconds"] = round(time.perf_counter() - started, 3)
                row["memory_gb"] = peak_memory(self.group.device)
                after = TrainingState(number, {}, [*state.history, row], state.notes)
                state = self._save(states, after, progress)
        return state

    def _checked_epoch(self, train: ScoredClips, number: int, progress: FinetuneProgress) -> float:
        try:
            loss = self.epoch(train, number, progress)
        except torch.cuda.OutOfMemoryError:
            raise HeadError(
                f"the memory of {self.group.device} is too small for one step; keep fewer "
                "activations with --clips-at-once 1, or use --precision bfloat16"
            ) from None
        if not math.isfinite(loss):
            raise HeadError(
                f"the loss is {loss} in epoch {number}; lower --lr-backbone and --lr-head"
            )
        return loss

    def _evaluated(self, validation: ScoredClips, test: ScoredClips | None) -> dict[str, float]:
        losses = {"val_loss": self.evaluate(validation)}
        return losses if test is None else losses | {"test_loss": self.evaluate(test)}

    def _save(
        self, states: TrainingStates, state: TrainingState, progress: FinetuneProgress
    ) -> TrainingState:
        state = replace(state, tensors=snapshots.take(self))
        if self.group.first:
            states.save(state, keep=chosen_epochs(state.history).values())
            progress.epoch(state.history[-1])
        return state

"""What heads that train a network share: scaling, the schedule, the loop, saving."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from aqa.device import pick_device
from aqa.models import losses
from aqa.models.heads.base import (
    BaseHead,
    Head,
    HeadError,
    Sequences,
    State,
    check_fit,
    check_params,
    check_sequences,
    param,
)
from aqa.models.train import Examples, Schedule, Trainer, Videos, threads_for


@dataclass(repr=False, eq=False)
class TrainedHead(BaseHead):
    """A head, of either kind, whose `fit` trains a network.

    Features are standardised as the training videos have them. Fitted: `net_`, `history_` (a row
    an epoch), `best_epoch_`.
    """

    epochs: int = param(200, "at most, over the training videos; ours (004: 20,000 steps)")
    batch_size: int = param(15, "videos a step (004 5)")
    lr: float = param(1e-3, "of Adam (004 5)", above=0)
    lr_halve_every: int | None = param(3000, "steps after which the rate is halved (004 5)")
    weight_decay: float = param(0.0, "L2 penalty; no paper states one for 004")
    clip_gradient: float | None = param(None, "largest gradient norm of a step; none: unlimited")
    validation: float = param(
        0.15,
        "share of the training videos held out to stop by, where the split has none; ours",
        below=1,
    )
    patience: int = param(30, "epochs without a better validation loss before stopping; ours")
    standardise: bool = param(True, "features to zero mean, unit variance; no paper states it")
    device: str = param("auto", "cpu, cuda, or auto: the GPU where there is one")

    fitted: ClassVar[tuple[str, ...]] = ("centre_", "scale_")

    @abstractmethod
    def restore_net(self, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
        """The network that these tensors were saved from, with them in it."""

    def train_net(
        self,
        make: Callable[[], nn.Module],
        train: Examples,
        held: Examples | None,
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """Make a network by the seed and train it; leaves `net_`, `history_`, `best_epoch_`."""
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            self.net_ = make().to(device)
            running = trainer(self.net_)
            try:
                with threads_for(self.net_):
                    self.history_: list[dict[str, Any]] = running.fit(train, held)
            except FloatingPointError as error:
                raise HeadError(f"{error}; lower the learning rate, -p lr=...") from None
        best = self.history_[-1]
        if held is not None:
            best = min(self.history_, key=lambda row: row[running.criterion])
        self.best_epoch_ = int(best["epoch"])

    def state(self) -> State:
        """See `BaseHead.state`; the network's tensors are under `net.`."""
        tensors = {f"net.{k}": v.cpu().numpy() for k, v in self.net_.state_dict().items()}
        return super().state() | tensors

    def restore(self, state: Mapping[str, NDArray[Any]]) -> TrainedHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        tensors = {
            key.removeprefix("net."): torch.from_numpy(np.array(value))
            for key, value in state.items()
            if key.startswith("net.")
        }
        self.net_ = self.restore_net(tensors).eval()
        return self

    def _check_params(self) -> None:
        """Raise `HeadError` for values that cannot be."""
        check_params(self)

    def _schedule(self) -> Schedule:
        return Schedule(
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            lr_halve_every=self.lr_halve_every,
            weight_decay=self.weight_decay,
            patience=self.patience,
            clip_gradient=self.clip_gradient,
        )

    def _fit_scaling(self, sequences: list[NDArray[np.float32]]) -> None:
        clips = np.concatenate(sequences).astype(np.float64)
        deviation = clips.std(axis=0) if self.standardise else np.ones(clips.shape[1])
        self.centre_ = clips.mean(axis=0) if self.standardise else np.zeros(clips.shape[1])
        self.scale_ = np.where(deviation > 0, deviation, 1.0)

    def _scaled(self, sequences: list[NDArray[np.float32]]) -> list[NDArray[np.float64]]:
        return [(sequence - self.centre_) / self.scale_ for sequence in sequences]


@dataclass(repr=False, eq=False)
class NetworkHead(TrainedHead, Head):
    """A scoring head whose network `build` makes.

    Scores are divided by the standard deviation of the training videos' (004 4).
    """

    fitted: ClassVar[tuple[str, ...]] = (*TrainedHead.fitted, "y_std_")

    @abstractmethod
    def build(self, dim: int) -> nn.Module:
        """A fresh network: (n, clips, dim) padded, lengths (n,) -> (n,) scaled scores."""

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Let the untrained network predict the mean scaled score; by default it does not."""

    def trainer(self, net: nn.Module) -> Trainer:
        """What trains the network: by default on its squared error."""
        return Trainer(net, losses.mse, self._schedule(), self.seed)

    def fit(
        self, x: Sequences, y: ArrayLike, validation: tuple[Sequences, ArrayLike] | None = None
    ) -> NetworkHead:
        """See `Head.fit`."""
        sequences, scores = check_fit(x, y)
        self._check_params()
        device = pick_device(self.device)
        self._fit_scaling(sequences)
        self.y_std_ = scores.std() or 1.0
        train = Videos.of(self._scaled(sequences), scores / self.y_std_, device)
        held: Videos | None
        if validation is not None and len(validation[0]):
            held_x, held_y = check_fit(*validation, least=1)
            held = Videos.of(self._scaled(held_x), held_y / self.y_std_, device)
        else:
            train, held = self._hold_out(train)

        mean = float(train.targets.mean())
        self.train_net(lambda: self._fresh(sequences[0].shape[1], mean), train, held, self.trainer)
        return self

    def begin(self, x: Sequences, y: ArrayLike) -> NetworkHead:
        """Become what `fit` trains: fitted scaling, and an untrained network by the seed."""
        sequences, scores = check_fit(x, y)
        self._check_params()
        self._fit_scaling(sequences)
        self.y_std_ = scores.std() or 1.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.net_ = self._fresh(sequences[0].shape[1], float(scores.mean() / self.y_std_))
        return self

    def _fresh(self, dim: int, mean: float) -> nn.Module:
        net = self.build(dim)
        self.start_at(net, mean)
        return net

    @torch.no_grad()
    def predict(self, x: Sequences) -> NDArray[np.float64]:
        """See `Head.predict`."""
        sequences = check_sequences(x, len(self.centre_))
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        videos = Videos.of(self._scaled(sequences), np.zeros(len(sequences)), device)
        # One size for all: padding must not move a prediction.
        scaled = [net(batch.x, batch.lengths) for batch in videos.batches(self.batch_size)]
        scores: NDArray[np.float64] = torch.cat(scaled).double().cpu().numpy() * self.y_std_
        return scores

    def restore_net(self, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
        """See `TrainedHead.restore_net`."""
        net = self.build(len(self.centre_))
        net.load_state_dict(tensors)
        return net

    def held_out(self, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of `n` training videos are held out to stop by, and which are learned from."""
        size = max(min(round(self.validation * n), n - 1), 0)
        order = np.random.default_rng(self.seed).permutation(n)
        return np.sort(order[:size]), np.sort(order[size:])

    def _hold_out(self, videos: Videos) -> tuple[Videos, Videos | None]:
        """Part the videos by the seed; too few to part, or a share of 0, holds out none."""
        held, kept = self.held_out(len(videos))
        if not len(held):
            return videos, None
        return _pick(videos, kept), _pick(videos, held)


def _pick(videos: Videos, indices: NDArray[np.intp]) -> Videos:
    return Videos([videos.sequences[i] for i in indices], videos.targets[indices.tolist()])

"""What fine-tuning asks of a head that is trained together with the backbone before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from aqa.models.examples import Examples
from aqa.models.heads.base.checks import check_fit
from aqa.models.training.loop import VideoBatch

if TYPE_CHECKING:
    from aqa.models.heads.base.network import NetworkHead

# One row per epoch.
History = list[dict[str, Any]]
# One value per video, under each name.
Columns = Mapping[str, Sequence[Any]]


class EndToEndLoss(Protocol):
    """The mean loss of some videos; gradients flow back to their features."""

    def __call__(self, features: Sequence[Tensor], targets: Tensor, columns: Columns) -> Tensor:
        """features: (n_clips, *shape) per video. targets: a row per video. -> ()."""
        ...


class EndToEndAdapter(ABC):
    """A head as fine-tuning sees it; a head's class attribute `end_to_end` names its adapter.

    It is asked in this order: `learn_scores` before any video is decoded; `begin` with the
    features of the backbone as it is; `make_loss`, whose loss trains `module`; `loss_on` after
    every epoch; `finish` with the features of the trained backbone. Columns are the head's
    `columns`; `clips` are those that the backbone was shown, after augmentation.
    """

    def __init__(self, head: Any):
        self.head = head

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the head learns from."""
        columns: tuple[str, ...] = self.head.columns
        return columns

    @abstractmethod
    def learn_scores(self, scores: NDArray[np.float64], columns: Columns) -> None:
        """Learn from the training videos' scores and columns what `targets` are made with.

        Raises `HeadError` for scores and columns that the head cannot be fitted to.
        """

    @abstractmethod
    def targets(self, scores: NDArray[np.float64], columns: Columns) -> NDArray[np.float64]:
        """What the loss compares the network's outputs with, one row per video: (n,) or (n, k)."""

    def check_columns(
        self, scores: NDArray[np.float64], ids: Sequence[str], columns: Columns
    ) -> None:
        """Raise `HeadError` where a video lacks a value that training or evaluation needs.

        ids: what the error calls the videos.
        """
        self.targets(scores, columns)

    def clips_read(self, columns: Mapping[str, Any]) -> NDArray[np.intp] | None:
        """The numbers of the clips of one video that the head reads, in order; None for all.

        columns: the values of this video. Other clips are not shown to the backbone.
        """
        return None

    @abstractmethod
    def begin(self, train: Examples) -> None:
        """Fit the scaling of features and make an untrained network by the seed."""

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """The head's network or networks, which are trained in place."""

    @abstractmethod
    def make_loss(self) -> EndToEndLoss:
        """The loss that `module` is trained by."""

    @abstractmethod
    def loss_on(self, examples: Examples) -> float:
        """The loss on other videos, by which the epoch is chosen."""

    @abstractmethod
    def finish(self, history: History, epoch: int, train: Examples, validation: Examples) -> None:
        """Leave the head as fitted; its weights are those after `epoch`.

        train, validation: all clips, with features of the backbone after that epoch.
        """

    @abstractmethod
    def held_out(self, n: int, groups: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """The numbers of those of `n` training videos that the head's `fit` holds out.

        groups: see `Examples.groups`.
        """


class OneNetworkAdapter(EndToEndAdapter):
    """For heads that train one network to targets."""

    head: NetworkHead

    def learn_scores(self, scores: NDArray[np.float64], columns: Columns) -> None:
        """See `EndToEndAdapter.learn_scores`."""
        self.head.learn_scores(scores, **columns)

    def targets(self, scores: NDArray[np.float64], columns: Columns) -> NDArray[np.float64]:
        """See `EndToEndAdapter.targets`."""
        return self.head.targets(scores, **columns)

    def begin(self, train: Examples) -> None:
        """See `EndToEndAdapter.begin`."""
        head = self.head
        sequences, scores = check_fit(
            train.features, train.scores, maps=head.takes == "maps", ids=train.ids
        )
        head.check_params()
        head.learn_scores(scores, **train.columns)
        head.fit_scaling(sequences)
        mean = head.start_target(head.targets(scores, **train.columns))
        head.net_ = head.untrained(sequences[0].shape[1], mean)

    @property
    def module(self) -> nn.Module:
        """See `EndToEndAdapter.module`."""
        return self.head.net_

    def make_loss(self) -> EndToEndLoss:
        """See `EndToEndAdapter.make_loss`: the loss that the head's own trainer has."""
        objective = self.head.trainer(self.head.net_).objective

        def loss(features: Sequence[Tensor], targets: Tensor, columns: Columns) -> Tensor:
            videos = self.head.prepared(features)
            lengths = torch.tensor([len(clips) for clips in videos], device=targets.device)
            padded = pad_sequence(videos, batch_first=True)
            return objective(VideoBatch(padded, lengths, targets))

        return loss

    def loss_on(self, examples: Examples) -> float:
        """See `EndToEndAdapter.loss_on`: what the head's own trainer stops by."""
        targets = self.targets(examples.scores, examples.columns)
        self.head.check_held_out(targets)
        videos = self.head.videos(examples.features, targets)
        return self.head.trainer(self.head.net_).evaluate(videos)

    def finish(self, history: History, epoch: int, train: Examples, validation: Examples) -> None:
        """See `EndToEndAdapter.finish`."""
        self.head.history_, self.head.best_epoch_ = history, epoch

    def held_out(self, n: int, groups: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """See `EndToEndAdapter.held_out`."""
        return self.head.hold_out(n, groups=groups)[1] if n else np.arange(0)

"""What a head is asked for to be trained together with a backbone, see `aqa.workflows.finetune.trainer`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from aqa.models.heads.base import Head, Sequences

History = list[dict[str, Any]]
# Features, scores and columns of videos.
Inputs = tuple[Sequences, NDArray[np.float64], Mapping[str, Any]]


class JointLoss(Protocol):
    """The loss of some videos, with a way back to their features."""

    def __call__(self, features: Sequence[Tensor], targets: Tensor, **columns: Any) -> Tensor:
        """features: (n_clips, *shape) a video. targets: their rows of `targets`. -> ()."""
        ...


@dataclass(repr=False, eq=False)
class JointHead(Head):
    """A scoring head that can be trained together with what its features come from.

    It is asked in this order: `learn_scores` before any video is decoded; `begin` with the
    features of the backbone as it is; `joint_loss` in every update, `loss_on` after every epoch;
    `finish` with the features of the backbone as it has become. Each takes the head's `columns` as
    keywords, one value a video; `clips` follow the augmentation of the pictures.

    end_to_end: whether that trains all there is to be trained; a subclass may add to it.
    """

    end_to_end: ClassVar[bool] = True

    @abstractmethod
    def learn_scores(self, scores: NDArray[np.float64]) -> None:
        """Learn of the training videos what `targets` are made with; columns as `fit` has them.

        Raises `HeadError` for scores and columns that it cannot be fitted to.
        """

    @abstractmethod
    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """What the loss compares the network's outputs with, a row a video: (n,) or (n, k)."""

    def check_columns(
        self, scores: NDArray[np.float64], ids: Sequence[str], **columns: Any
    ) -> None:
        """Raise `HeadError` where a video to learn from, or to be evaluated by, lacks a value.

        ids: what the error may call the videos.
        """
        self.targets(scores, **columns)

    def reads(self, **columns: Any) -> NDArray[np.intp] | None:
        """Numbers of the clips that it reads of a video, in order; None for all of them.

        columns: the values of this one video. The others are not shown to the backbone.
        """
        return None

    @abstractmethod
    def begin(self, x: Sequences, y: ArrayLike, **columns: Any) -> JointHead:
        """Become what `fit` trains: fitted scaling, and an untrained network by the seed."""

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """The network, or all of them, to be trained in place."""

    @abstractmethod
    def joint_loss(self) -> JointLoss:
        """The loss that `module` is trained by; a mean over videos."""

    @abstractmethod
    def loss_on(self, x: Sequences, y: NDArray[np.float64], **columns: Any) -> float:
        """The loss of its scores on other videos, by which the epoch is chosen."""

    @abstractmethod
    def finish(
        self,
        history: History,
        epoch: int,
        train: Inputs,
        validation: Inputs,
    ) -> None:
        """Be as fitted: with a row an epoch, the weights being those of `epoch`.

        train, validation: x, y and columns of all clips, of the backbone of that epoch.
        """

    @abstractmethod
    def held_out(self, n: int) -> NDArray[np.intp]:
        """Numbers of those of `n` training videos that `fit` holds out to stop by."""

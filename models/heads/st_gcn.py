"""ST-GCN: graph convolutions over joints and time (yan2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aqa.errors import HeadError, HeadUsageError
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Answer, param
from aqa.models.heads.base.joint_graph import (
    JointGraphNet,
    body_graph,
    near_joints,
    resampling,
    told_joints,
)
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.training.loop import VideoTensors


@dataclass(repr=False, eq=False)
class STGCNHead(ScoreNetworkHead):
    """Convolutions over connected joints and over time, averaged.

    It takes x, y or x, y, z of each joint. Which joints are connected is found by how near they
    stay to each other, where `bones` does not tell it. A video is interpolated at as many evenly
    spread times as every other, so that fast and slow performances of one movement look alike.
    yan2018 tells actions, from hundreds of thousands of videos, by nine blocks of 64 to 256
    channels; here are fewer, for few videos. Fitted besides: `graph_`, see `body_graph`, and
    `times_`, where in a video it looks, from 0, its first frame, to 1.
    """

    coordinates: int = param(
        2,
        "of each joint: 2 (x, y) or 3 (x, y, z); aqa fit takes it from the store",
        source="ours",
        low=2,
    )
    bones: str | None = param(
        None,
        "numbers of joints that are connected, such as 0-1;1-2; none: those that stay near each "
        "other in the training videos",
        source="none: ours; yan2018: those of the body",
    )
    frames: int = param(32, "times at which a video is interpolated", source="ours", low=2)
    hidden: int = param(16, "channels of every block", source="ours; yan2018: 64 to 256")
    layers: int = param(3, "blocks of both convolutions", source="ours; yan2018: 9")
    length: int = param(
        5, "times that a convolution over time sees; odd", source="ours; yan2018: 9"
    )
    dropout: float = param(
        0.1, "share of values dropped in each block", source="ours; yan2018: 0.5", below=1
    )
    epochs: int = param(150, "passes over the training videos, at most", source="ours")
    lr: float = param(0.003, "Adam learning rate", source="ours", above=0)
    lr_halve_every: int | None = param(
        None, "steps after which the learning rate is halved; none: never", source="ours"
    )
    standardise: bool = param(
        True, "divide places by how far joints are from the body's middle", source="ours"
    )

    takes_joints: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*ScoreNetworkHead.fitted, "graph_", "times_")

    def fit_scaling(self, sequences: Sequences) -> None:
        """See `NetworkHead.fit_scaling`: one scale for all joints, and which are connected."""
        width = sequences[0].shape[1]
        n_joints, over = divmod(width, self.coordinates)
        if over or n_joints < 2:
            raise HeadError(
                f"features of width {width} are not {self.coordinates} coordinates each of two "
                "joints or more; this head takes a store of `aqa extract --backbone pose`"
            )
        beside = (
            near_joints(sequences, self.coordinates)
            if self.bones is None
            else told_joints(self.bones, n_joints)
        )
        self.graph_ = body_graph(beside, sequences, self.coordinates)
        self.times_ = np.linspace(0, 1, self.frames)
        size = 1.0
        if self.standardise:
            size = float(np.mean([_size(one, self.coordinates) for one in sequences])) or 1.0
        self.centre_, self.scale_ = np.zeros(width), np.full(width, size)

    def tensors(self, sequences: Sequences, targets: NDArray[np.floating]) -> VideoTensors:
        """See `NetworkHead.tensors`: interpolated, so that all have as many frames."""
        return super().tensors([self._interpolated(one) for one in sequences], targets)

    def _interpolated(self, sequence: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(resampling(len(sequence), self.times_) @ sequence)

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return JointGraphNet(
            self.coordinates,
            self.graph_,
            width=self.hidden,
            layers=self.layers,
            length=self.length,
            dropout=self.dropout,
        )

    def start_at(self, net: nn.Module, mean: float) -> None:
        """See `NetworkHead.start_at`: scores are not centred, so the last bias is their mean."""
        assert isinstance(net, JointGraphNet)
        nn.init.constant_(net.linear.bias, mean)

    def check_params(self) -> None:
        """See `NetworkHead.check_params`."""
        super().check_params()
        if self.length % 2 == 0:
            raise HeadUsageError(f"length={self.length} is not odd; choose an odd number")

    def score_graph(self) -> nn.Module:
        """See `Head.score_graph`."""
        self.check_fitted()
        self.cannot_be_exported("it takes joints, not clips")

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`; only of scores in points."""
        return () if self.says_probability or self.says_rank else ("joints",)

    def gradient(self, examples: Examples) -> NDArray[np.float64]:
        """See `Head.gradient`."""
        self.check_fitted()
        (sequence,) = self.answerable(examples)
        matrix = torch.as_tensor(resampling(len(sequence), self.times_) / self.scale_[0])
        joints = torch.as_tensor(np.asarray(sequence, np.float64)).requires_grad_()
        net = self.net_.cpu().eval()
        score = net((matrix @ joints).float()[None], torch.tensor([len(matrix)]))
        (slope,) = torch.autograd.grad(score.sum(), joints)
        slopes: NDArray[np.float64] = slope.numpy() * float(self.y_std_)
        return slopes.reshape(len(sequence), -1, self.coordinates)


def _size(sequence: NDArray[np.floating], coordinates: int) -> float:
    """How far joints are from the middle of the body, on average over a video's frames."""
    joints = np.asarray(sequence, np.float64).reshape(len(sequence), -1, coordinates)
    return float(np.linalg.norm(joints - joints.mean(axis=1, keepdims=True), axis=2).mean())


HEAD = STGCNHead

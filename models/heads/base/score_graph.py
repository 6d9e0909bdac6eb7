"""Fitted heads as networks that answer for one video: features in, a score out.

`aqa export` puts them behind the backbone. Each takes float32 (clips, dim), of any number of clips,
and gives a score (), in the arithmetic that other runtimes have: float32.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn


class FixedNumbers(nn.Module):
    """A network with fitted arrays as float32 buffers, which travel with it."""

    def fix(self, **arrays: ArrayLike) -> None:
        """Keep arrays under their names."""
        for name, array in arrays.items():
            self.register_buffer(name, torch.as_tensor(array, dtype=torch.float32).clone())


class ScaledNetwork(FixedNumbers):
    """A network of `(n, clips, dim), lengths (n,)` on the standardised features of one video."""

    centre: Tensor
    scale: Tensor

    def __init__(self, net: nn.Module, centre: ArrayLike, scale: ArrayLike):
        super().__init__()
        self.net = copy.deepcopy(net).cpu().eval()
        self.fix(centre=centre, scale=scale)

    def forward(self, features: Tensor) -> Tensor:
        """(clips, dim) -> what the network says of the video, (...)."""
        scaled = (features - self.centre) / self.scale
        length = torch.full((1,), features.shape[0], dtype=torch.int64)
        said: Tensor = self.net(scaled[None], length)[0]
        return said


class ScoreGraph(FixedNumbers):
    """What a network says, in points; or, of log-odds, as a probability."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: ArrayLike, std: ArrayLike, *, odds: bool = False):
        super().__init__()
        self.network, self.odds = network, odds
        self.fix(mean=mean, std=std)

    def forward(self, features: Tensor) -> Tensor:
        """(clips, dim) -> ()."""
        said = self.network(features).flatten()[0]
        return said.sigmoid() if self.odds else said * self.std + self.mean


class BinsGraph(FixedNumbers):
    """The values whose distributions over bins a network predicts, by the mean or the mode."""

    low: Tensor
    step: Tensor

    def __init__(self, network: nn.Module, low: ArrayLike, step: ArrayLike, *, mode: bool):
        super().__init__()
        self.network, self.mode = network, mode
        self.fix(low=low, step=step)

    def forward(self, features: Tensor) -> Tensor:
        """(clips, dim) -> (values,) points."""
        chances = self.network(features).exp()  # (values, bins)
        if self.mode:
            bins = chances.argmax(dim=1).float()
        else:
            bins = chances @ torch.arange(chances.shape[1], dtype=torch.float32)
        return self.low + self.step * bins


class MiddleMarksGraph(FixedNumbers):
    """The score of judges' marks: the middle ones added up, and a straight line of that."""

    slope: Tensor
    intercept: Tensor

    def __init__(self, marks: nn.Module, left_out: int, slope: ArrayLike, intercept: ArrayLike):
        super().__init__()
        self.marks, self.left_out = marks, left_out
        self.fix(slope=slope, intercept=intercept)

    def forward(self, features: Tensor) -> Tensor:
        """(clips, dim) -> (). left_out: so many of the lowest marks, and as many of the highest."""
        marks = self.marks(features).sort().values
        middle = marks[self.left_out : marks.shape[0] - self.left_out]
        return middle.sum() * self.slope + self.intercept


class SVRGraph(FixedNumbers):
    """A `VectorSVR` that is fitted: (dim,) -> () points."""

    support: Tensor
    weights: Tensor
    intercept: Tensor
    gamma: Tensor
    centre: Tensor
    scale: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, svr: Any):
        super().__init__()
        self.linear, self.to_length = svr.kernel == "linear", svr.normalise == "l2"
        none = not len(svr.support_vectors_)  # then the score is the same for every vector
        self.fix(
            support=np.zeros((1, len(svr.centre_))) if none else svr.support_vectors_,
            weights=np.zeros(1) if none else svr.dual_coef_,
            intercept=svr.intercept_,
            gamma=svr.gamma_,
            centre=svr.centre_,
            scale=svr.scale_,
            mean=svr.y_mean_,
            std=svr.y_std_,
        )

    def forward(self, vector: Tensor) -> Tensor:
        """(dim,) -> ()."""
        if self.to_length:
            length = vector.square().sum().sqrt()
            scaled = vector / torch.where(length > 0, length, torch.ones_like(length))
        else:
            scaled = (vector - self.centre) / self.scale
        if self.linear:
            kernel = (self.support * scaled).sum(dim=1)
        else:
            kernel = (-self.gamma * (self.support - scaled).square().sum(dim=1)).exp()
        return ((kernel * self.weights).sum() + self.intercept) * self.std + self.mean


class AverageGraph(nn.Module):
    """What a network of one vector says of the average of a video's clips."""

    def __init__(self, of_vector: nn.Module):
        super().__init__()
        self.of_vector = of_vector

    def forward(self, features: Tensor) -> Tensor:
        """(clips, dim) -> ()."""
        said: Tensor = self.of_vector(features.mean(dim=0))
        return said

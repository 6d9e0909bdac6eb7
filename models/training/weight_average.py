"""A running average of a network's weights, which scatters less from step to step than they do."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


class WeightAverage:
    """A second network, whose weights are an exponential moving average of the first one's.

    decay: the share of the average that a step leaves. After n steps it is at most (1 + n) /
    (10 + n), so that the random first weights are soon forgotten. What is no weight, such as a
    batch norm's statistics, is copied.
    """

    def __init__(self, net: nn.Module, decay: float):
        @torch.no_grad()
        def averaged(mean: Sequence[Tensor], new: Sequence[Tensor], n: Tensor | int) -> None:
            weight = 1 - min(decay, (1 + int(n)) / (10 + int(n)))
            torch._foreach_lerp_(list(mean), list(new), weight)

        self._model = AveragedModel(net, multi_avg_fn=averaged)

    @property
    def net(self) -> nn.Module:
        """The network with the averaged weights."""
        module: nn.Module = self._model.module
        return module

    def add(self, net: nn.Module) -> None:
        """Take in the weights after a step; after the first step they are the average."""
        self._model.update_parameters(net)

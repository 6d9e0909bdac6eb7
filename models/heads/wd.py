"""Weight-Decider: clips aggregated by weights that a small network decides (farabi2021 §3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from aqa.models.heads.aggregating import WIDTH, AggregateRegressor, AggregatingHead
from aqa.models.heads.pooling import layers


def weight_decider() -> nn.Module:
    """128-64-32-64-128, ReLU between: 20,768 parameters (farabi2021 prints 20,484, miscounting biases)."""
    return nn.Sequential(*layers(WIDTH, 64, 32, 64, WIDTH))


@dataclass(repr=False, eq=False)
class WDHead(AggregatingHead):
    """As `average`, but each clip's share of the mean is decided by what it shows.

    The softmax over clips is as blind to their order as the mean, whatever farabi2021 §3.2 says of
    preserving time.
    """

    def build(self, dim: int) -> AggregateRegressor:
        """See `NetworkHead.build`."""
        return AggregateRegressor(dim, weight_decider())


HEAD = WDHead

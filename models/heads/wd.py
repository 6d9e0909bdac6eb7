"""Weight-Decider: a network weighs the clips (farabi2021 §3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Answer, Explanation, param
from aqa.models.heads.base.aggregating import (
    WIDTH,
    AggregateRegressor,
    OneVideoAggregate,
    blank_clip,
    explain_aggregate,
    farabi_epochs,
    farabi_halving,
    farabi_loss,
    farabi_lr,
    farabi_padding,
    start_aggregate_at,
)
from aqa.models.heads.base.end_to_end import EndToEndAdapter, OneNetworkAdapter
from aqa.models.heads.base.pooling import layers
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.training.losses import LossName


def weight_decider(dropout: float = 0.0) -> nn.Module:
    """128-64-32-64-128, ReLU and dropout between.

    20,768 parameters; farabi2021 prints 20,484, having miscounted the biases.
    """
    made = layers(WIDTH, 64, 32, 64, WIDTH)
    made[1::2] = [nn.Sequential(relu, nn.Dropout(dropout)) for relu in made[1::2]]
    return nn.Sequential(*made)


@dataclass(repr=False, eq=False)
class WDHead(ScoreNetworkHead):
    """As `average`, but each clip's share of the mean is decided by what it shows.

    The softmax over clips is as blind to their order as the mean, whatever farabi2021 §3.2 says of
    preserving time.
    """

    epochs: int = farabi_epochs()
    lr: float = farabi_lr()
    lr_halve_every: int | None = farabi_halving()
    loss: LossName = farabi_loss()
    pad: bool = farabi_padding()
    dropout: float = param(
        0.1,
        "share of values dropped between the layers that decide weights",
        source="the authors' code; farabi2021 does not say",
        below=1,
    )

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True

    def fit_scaling(self, sequences: Sequences) -> None:
        """See `NetworkHead.fit_scaling`; and how many clips the longest video has."""
        super().fit_scaling(sequences)
        self.longest_ = max(map(len, sequences))

    def build(self, dim: int) -> AggregateRegressor:
        """See `NetworkHead.build`; a restored network has its own `longest`."""
        blank = blank_clip(self, dim) if self.pad else None
        return AggregateRegressor(
            dim, weight_decider(self.dropout), blank, getattr(self, "longest_", 0)
        )

    def start_at(self, net: nn.Module, mean: float) -> None:
        """See `NetworkHead.start_at`."""
        start_aggregate_at(net, mean)

    def exported_net(self) -> nn.Module:
        """See `ScoreNetworkHead.exported_net`."""
        return OneVideoAggregate(self.net_)

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("clips",)

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """See `explain_aggregate`."""
        return explain_aggregate(self, examples)


HEAD = WDHead

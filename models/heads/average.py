"""The mean over clips of what layers make of each (farabi2021 §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import Answer, Explanation
from aqa.models.heads.base.aggregating import (
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
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.models.training.losses import LossName


@dataclass(repr=False, eq=False)
class AverageHead(ScoreNetworkHead):
    """Each clip to 128 values, their mean over clips, and a linear layer; blind to clips' order."""

    epochs: int = farabi_epochs()
    lr: float = farabi_lr()
    lr_halve_every: int | None = farabi_halving()
    loss: LossName = farabi_loss()
    pad: bool = farabi_padding()

    end_to_end: ClassVar[type[EndToEndAdapter] | None] = OneNetworkAdapter
    transferable: ClassVar[bool] = True

    def fit_scaling(self, sequences: Sequences) -> None:
        """See `NetworkHead.fit_scaling`; and how many clips the longest video has."""
        super().fit_scaling(sequences)
        self.longest_ = max(map(len, sequences))

    def build(self, dim: int) -> AggregateRegressor:
        """See `NetworkHead.build`; a restored network has its own `longest`."""
        blank = blank_clip(self, dim) if self.pad else None
        return AggregateRegressor(dim, None, blank, getattr(self, "longest_", 0))

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


HEAD = AverageHead

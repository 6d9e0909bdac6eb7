"""Average aggregation: clips through fully connected layers, their mean, a score (farabi2021 §3)."""

from __future__ import annotations

from dataclasses import dataclass

from aqa.models.heads.aggregating import AggregateRegressor, AggregatingHead


@dataclass(repr=False, eq=False)
class AverageHead(AggregatingHead):
    """Each clip to 128 values, their mean over clips, and a linear layer; blind to clips' order."""

    def build(self, dim: int) -> AggregateRegressor:
        """See `NetworkHead.build`."""
        return AggregateRegressor(dim, decider=None)


HEAD = AverageHead

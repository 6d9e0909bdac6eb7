"""A head of your own that trains a network: attention decides how much each clip counts."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from aqa.models.heads import OneNetworkAdapter, ScoreNetworkHead, param


class AttentionPool(nn.Module):
    """The weighted mean of a video's clips, through a linear layer."""

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(dim, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.score = nn.Linear(dim, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded at the end, lengths (n,) -> (n,)."""
        padding = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]  # (n, clips)
        weights = self.attention(x).squeeze(2).masked_fill(padding, -math.inf).softmax(1)
        return self.score((weights[..., None] * x).sum(1)).squeeze(1)


@dataclass(repr=False, eq=False)
class AttentionPoolHead(ScoreNetworkHead):
    """Clips weighted by attention; epochs, loss and early stopping are those of every network."""

    hidden: int = param(64, "width of the attention network", source="ours")

    # `fit` trains one network and nothing else, so `aqa finetune` can train it with a backbone.
    end_to_end: ClassVar = OneNetworkAdapter

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return AttentionPool(dim, self.hidden)

    def start_at(self, net: nn.Module, mean: float) -> None:
        """The untrained network predicts about the mean score."""
        nn.init.constant_(net.score.bias, mean)


HEAD = AttentionPoolHead

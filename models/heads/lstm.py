"""C3D+LSTM: an LSTM over clips, a linear layer, the loss on the final score (004 4, 000 II-A)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aqa.models.heads.base import param
from aqa.models.heads.network import NetworkHead


class LSTMRegressor(nn.Module):
    """The state after a video's last clip, through a linear layer."""

    def __init__(self, dim: int, hidden: int, init_std: float | None):
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True)
        self.linear = nn.Linear(hidden, 1)
        if init_std is not None:
            for name, parameter in self.lstm.named_parameters():
                if "weight" in name:
                    nn.init.normal_(parameter, std=init_std)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        states, _ = self.lstm(x)  # (n, clips, hidden)
        last = states[torch.arange(len(x), device=x.device), lengths - 1]  # (n, hidden)
        scores: Tensor = self.linear(last).squeeze(1)
        return scores


@dataclass(repr=False, eq=False)
class LSTMHead(NetworkHead):
    """LSTM 256 and a linear layer on cached clip features, squared error on the last step."""

    hidden: int = param(256, "width of the LSTM (004 4)")
    init_std: float | None = param(
        None, "of Gaussian LSTM weights; none: PyTorch's own. 004 5 has 0.1, for raw fc6"
    )

    def build(self, dim: int) -> nn.Module:
        """See `NetworkHead.build`."""
        return LSTMRegressor(dim, self.hidden, self.init_std)

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Scores are not centred (004 4), so the last bias starts at their mean."""
        assert isinstance(net, LSTMRegressor)
        nn.init.constant_(net.linear.bias, mean)


HEAD = LSTMHead

"""An LSTM as ONNX's own operator.

Of `nn.LSTM`, PyTorch's exporter (2.13) may write steps for the number of clips that it was traced
with, and says nothing of it.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class OnnxLSTM(nn.Module):
    """Stands for an LSTM of one layer and one direction, batch first, while it is exported."""

    weights: Tensor
    recurrent: Tensor
    biases: Tensor

    def __init__(self, lstm: nn.LSTM):
        super().__init__()
        self.input_size, self.hidden_size = lstm.input_size, lstm.hidden_size
        ((weights, recurrent, *biases),) = lstm.all_weights
        none = torch.zeros(4 * self.hidden_size)
        both = [_onnx_order(one) for one in biases or (none, none)]
        self.register_buffer("weights", _onnx_order(weights)[None])
        self.register_buffer("recurrent", _onnx_order(recurrent)[None])
        self.register_buffer("biases", torch.cat(both)[None])

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """(n, clips, dim) -> (n, clips, hidden); outside of an export, zeros."""
        steps = x.transpose(0, 1)
        states = torch.onnx.ops.symbolic(
            "LSTM",
            (steps, self.weights, self.recurrent, self.biases),
            {"hidden_size": self.hidden_size},
            dtype=x.dtype,
            shape=(x.shape[1], 1, x.shape[0], self.hidden_size),
        )
        return states.squeeze(1).transpose(0, 1), None


def with_onnx_lstm(graph: nn.Module) -> nn.Module:
    """A copy of a network, its LSTMs replaced where they are of one layer and one direction."""
    graph = copy.deepcopy(graph)
    for parent in list(graph.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.LSTM) and _is_plain(child):
                setattr(parent, name, OnnxLSTM(child))
    return graph


def _is_plain(lstm: nn.LSTM) -> bool:
    one = lstm.num_layers == 1 and not lstm.bidirectional and not lstm.proj_size
    return one and lstm.batch_first


def _onnx_order(rows: Tensor) -> Tensor:
    """Rows of the four gates, which PyTorch orders as input, forget, cell, output."""
    take, keep, new, show = rows.detach().chunk(4)
    return torch.cat([take, show, keep, new])

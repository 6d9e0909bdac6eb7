"""The states of an LSTM, in less time than PyTorch's own kernel takes to train one on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear


def lstm_states(lstm: nn.LSTM, x: Tensor, rows: Tensor | None = None) -> Tensor:
    """The state after each clip: (n, clips, dim) -> (n, clips, M), what `lstm(x)[0]` gives.

    lstm: of one layer and one direction, batch first. rows: (n, clips), with x (k, dim) the
    distinct clips of which the n videos are made; each goes through the input weights once, and
    that is nearly all of the work.

    PyTorch's own LSTM on a CPU (oneDNN) also derives the gradient of the features, half as much
    work again, which nobody asks for. Sums are taken in another order: the last digits differ.
    """
    if x.device.type != "cpu":
        states: Tensor = lstm(x if rows is None else x[rows])[0]
        return states
    recurrent = lstm.weight_hh_l0.t()
    gates = linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0)  # (..., 4 M)
    if rows is not None:
        gates = embedding(rows, gates)  # (n, clips, 4 M)
    h = c = gates.new_zeros(len(gates), lstm.hidden_size)
    after = []
    for of_clip in gates.unbind(1):
        take, keep, new, show = torch.addmm(of_clip, h, recurrent).chunk(4, dim=1)  # (n, M) each
        c = keep.sigmoid() * c + take.sigmoid() * new.tanh()
        h = show.sigmoid() * c.tanh()
        after.append(h)
    return torch.stack(after, dim=1)

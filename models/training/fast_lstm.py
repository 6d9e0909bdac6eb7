"""The states of an LSTM on wide features, faster than PyTorch's own LSTM on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

# The feature width from which this is faster; on narrower ones PyTorch's own LSTM is.
WIDE = 2048


def lstm_states(lstm: nn.LSTM, x: Tensor, rows: Tensor | None = None) -> Tensor:
    """The state after each clip: (n, clips, dim) -> (n, clips, M), what `lstm(x)[0]` gives.

    lstm: of one layer and one direction, batch first. rows: (n, clips) numbers of the distinct
    clips that each video is made of; x is then (k, dim), these distinct clips.

    On a CPU each distinct clip is multiplied by the input weights once, which is nearly all of the
    work, and no gradient is computed for the features, which are fixed; PyTorch's own LSTM (oneDNN)
    always computes it, which takes half as long again. Sums are taken in another order, so the last
    digits differ.
    """
    if x.device.type != "cpu" or lstm.input_size < WIDE:
        states: Tensor = lstm(x if rows is None else x[rows])[0]
        return states
    ((from_input, from_state, input_bias, state_bias),) = lstm.all_weights
    gates = linear(x, from_input, input_bias + state_bias)  # (..., 4 M)
    if rows is not None:
        gates = embedding(rows, gates)  # (n, clips, 4 M)
    h = c = gates.new_zeros(len(gates), lstm.hidden_size)
    after = []
    for of_clip in gates.unbind(1):
        now = torch.addmm(of_clip, h, from_state.t())  # (n, 4 M)
        take, keep, new, show = now.chunk(4, dim=1)
        c = keep.sigmoid() * c + take.sigmoid() * new.tanh()
        h = show.sigmoid() * c.tanh()
        after.append(h)
    return torch.stack(after, dim=1)

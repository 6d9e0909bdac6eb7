"""The states of an LSTM on wide features, faster than PyTorch's own LSTM on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear

# The feature width from which this is faster; on narrower ones PyTorch's own LSTM is.
WIDE = 2048


def lstm_states(
    lstm: nn.LSTM, x: Tensor, rows: Tensor | None = None, gates: Tensor | None = None
) -> Tensor:
    """The state after each clip: (n, clips, dim) -> (n, clips, M), what `lstm(x)[0]` gives.

    lstm: of one layer and one direction, batch first. rows: (n, clips) numbers of the distinct
    clips that each video is made of; x is then (k, dim), these distinct clips. gates: their
    `input_gates`, where these are computed already.

    On a CPU each distinct clip is multiplied by the input weights once, which is nearly all of the
    work, and no gradient is computed for the features, which are fixed; PyTorch's own LSTM (oneDNN)
    always computes it, which takes half as long again. Sums are taken in another order, so the last
    digits differ.
    """
    if gates is None:
        gates = input_gates(lstm, x, rows)
    if gates is None:
        states: Tensor = lstm(x if rows is None else x[rows])[0]
        return states
    h = c = gates.new_zeros(len(gates), lstm.hidden_size)
    after = []
    for of_clip in gates.unbind(1):
        h, c = advance(lstm, of_clip, h, c)
        after.append(h)
    return torch.stack(after, dim=1)


def input_gates(lstm: nn.LSTM, x: Tensor, rows: Tensor | None = None) -> Tensor | None:
    """What the clips themselves add to the LSTM's four gates: (n, clips, 4 M).

    x, rows: see `lstm_states`. None where PyTorch's own LSTM is the faster one.
    """
    # What is exported has the LSTM as its runtime knows it, for any number of clips.
    if x.device.type != "cpu" or lstm.input_size < WIDE or torch.compiler.is_compiling():
        return None
    ((from_input, _, input_bias, state_bias),) = lstm.all_weights
    gates = linear(x, from_input, input_bias + state_bias)  # (..., 4 M)
    return gates if rows is None else embedding(rows, gates)


def advance(lstm: nn.LSTM, gates: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One clip further: `input_gates` (n, 4 M), the state and the cell before it (n, M)."""
    from_state = lstm.get_parameter("weight_hh_l0")
    now = torch.addmm(gates, h, from_state.t())  # (n, 4 M)
    take, keep, new, show = now.chunk(4, dim=1)
    c = keep.sigmoid() * c + take.sigmoid() * new.tanh()
    return show.sigmoid() * c.tanh(), c

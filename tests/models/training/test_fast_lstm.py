"""An LSTM's states, beside PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from aqa.models.training.fast_lstm import WIDE, lstm_states

Case = tuple[nn.LSTM, Tensor, Tensor]


@pytest.fixture(params=[WIDE - 1, WIDE])
def case(request: pytest.FixtureRequest) -> Case:
    """A network, 6 distinct clips, and the rows of 4 videos of 5 clips."""
    dim = request.param
    rng = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        lstm = nn.LSTM(dim, 3, batch_first=True).double()
    clips = torch.randn(6, dim, generator=rng, dtype=torch.float64)
    return lstm, clips / dim**0.5, torch.randint(6, (4, 5), generator=rng)


def gradients(lstm: nn.LSTM, states: Tensor) -> list[Tensor]:
    """Of a sum that weighs every state differently."""
    weights = torch.arange(states.numel(), dtype=states.dtype).reshape(states.shape).cos()
    return list(torch.autograd.grad((states * weights).sum(), list(lstm.parameters())))


def test_states_and_gradients_are_those_of_pytorch(case: Case) -> None:
    lstm, clips, rows = case
    expected = lstm(clips[rows])[0]
    moved = gradients(lstm, expected)
    for states in (lstm_states(lstm, clips[rows]), lstm_states(lstm, clips, rows)):
        torch.testing.assert_close(states, expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(gradients(lstm, states), moved, rtol=1e-12, atol=1e-13)


def test_in_float32_only_the_last_digits_differ(case: Case) -> None:
    lstm, clips, rows = case
    lstm, clips = lstm.float(), clips.float()
    expected, states = lstm(clips[rows])[0], lstm_states(lstm, clips, rows)
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        gradients(lstm, states), gradients(lstm, expected), rtol=1e-5, atol=1e-5
    )


def test_features_get_their_gradient_where_they_are_trained(case: Case) -> None:
    lstm, clips, rows = case
    x = clips[rows].requires_grad_()
    (found,), (expected,) = (
        torch.autograd.grad(states.square().sum(), [x])
        for states in (lstm_states(lstm, x), lstm(x)[0])
    )
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)

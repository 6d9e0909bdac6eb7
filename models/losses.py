"""Losses: tensors to a scalar. Averaged over videos, so that batches of any size are alike."""

from __future__ import annotations

from torch import Tensor


def mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over (n,) scores; the Euclidean loss of 004 4."""
    return (predicted - target).square().mean()

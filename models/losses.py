"""Losses: tensors to a scalar. Averaged over videos, so that batches of any size are alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over (n,) scores; the Euclidean loss of 004 4."""
    return (predicted - target).square().mean()


def incremental_mse(predicted: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Mean squared error where the score builds up evenly: after clip k of N, k/N of it.

    predicted: (n, clips), what lies behind a video's end is ignored. target: (n,) final scores.
    lengths: (n,) in clips. Averaged over each video's clips, then over videos (000 V-C).
    """
    step = torch.arange(1, predicted.shape[1] + 1, device=predicted.device)  # (clips,)
    inside = step <= lengths[:, None]  # (n, clips)
    errors = (predicted - target[:, None] * step / lengths[:, None]).square() * inside
    return (errors.sum(dim=1) / lengths).mean()


def pair_loss(logits: Tensor, similar: Tensor, weights: tuple[float, float]) -> Tensor:
    """Mean binary cross-entropy over (pairs,), each pair weighted by its kind.

    similar: 1 or 0. weights: of dissimilar and of similar pairs; not divided out, so that with
    weights that average to 1 over all pairs, the steps of an epoch together stay balanced.
    """
    weight = weights[0] + (weights[1] - weights[0]) * similar
    return binary_cross_entropy_with_logits(logits, similar, weight)

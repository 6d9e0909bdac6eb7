"""Losses: tensors to a scalar. Averaged over videos, so that batches of any size are alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, kl_div


def mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over (n,) scores; the Euclidean loss of 004 4."""
    return (predicted - target).square().mean()


def l1_l2(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared and mean absolute error over (n,) scores, weighing the same (003 4.3)."""
    errors = predicted - target
    return errors.square().mean() + errors.abs().mean()


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


def soft_labels(values: Tensor, bins: int, std: float) -> Tensor:
    """A Gaussian around each value, over bins 0, 1, ..., summing to 1: (...,) -> (..., bins)."""
    numbers = torch.arange(bins, device=values.device)
    return torch.softmax(-0.5 * ((values[..., None] - numbers) / std).square(), dim=-1)


def divergence(predicted: Tensor, values: Tensor, std: float) -> Tensor:
    """KL divergence of (n, m, bins) log-probabilities from the soft labels of (n, m) values.

    Summed over bins, averaged over values and videos (PyTorch's `batchmean`): were it averaged
    over the bins too, it would shrink with their number. values, std: in bins, from 0.
    """
    meant = soft_labels(values, predicted.shape[-1], std)
    return kl_div(predicted.flatten(0, 1), meant.flatten(0, 1), reduction="batchmean")

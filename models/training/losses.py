"""Losses: tensors to a scalar. They are means, so that they do not grow with the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    kl_div,
    logsigmoid,
    normalize,
    one_hot,
    relu,
)

# Predicted and true scores, (n,) each, to a scalar.
Loss = Callable[[Tensor, Tensor], Tensor]
ScoreLossName = Literal["mse", "l1", "l1+l2", "ranking", "mse+ranking"]
LossName = Literal[ScoreLossName, "logistic", "pair-margin", "bradley-terry"]
# What is predicted of the better and of the worse video of given pairs, (pairs,) each, to a scalar.
PairLoss = Callable[[Tensor, Tensor], Tensor]
# The losses that learn from such pairs, and not from scores.
PAIR_LOSSES = ("pair-margin", "bradley-terry")
Balanced = Literal["balanced"]
# What a video of the bad and of the good class weighs.
ClassWeights = tuple[float, float]


def make_loss(
    name: LossName,
    margin: float,
    alpha: float | Balanced,
    weights: ClassWeights = (1.0, 1.0),
) -> Loss:
    """The loss of this name.

    margin: of `ranking`. alpha: the weight of `ranking` beside `mse`. weights: of `logistic`.
    """
    made: dict[LossName, Loss] = {
        "mse": mse,
        "l1": l1,
        "l1+l2": l1_l2,
        "ranking": lambda predicted, target: ranking(predicted, target, margin),
        "mse+ranking": lambda predicted, target: mse_ranking(predicted, target, margin, alpha),
        "logistic": lambda predicted, target: logistic(predicted, target, weights),
    }
    return made[name]


def make_pair_loss(name: LossName, margin: float) -> PairLoss:
    """The loss of this name, one of `PAIR_LOSSES`. margin: of `pair-margin`."""
    if name == "bradley-terry":
        return bradley_terry
    return lambda better, worse: pair_margin(better, worse, margin)


def mse(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over (n,) scores; the Euclidean loss of parmar2019action §4."""
    return (predicted - target).square().mean()


def l1(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error over (n,) scores."""
    return (predicted - target).abs().mean()


def l1_l2(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error plus mean absolute error over (n,) scores (farabi2021 §4.3)."""
    errors = predicted - target
    return errors.square().mean() + errors.abs().mean()


def ranking(predicted: Tensor, target: Tensor, margin: float) -> Tensor:
    """How far pairs of (n,) scores fall short of the right order by a margin (li2018end Eq. 2).

    The mean over untied pairs (i, j) of ReLU(margin - (s_j - s_i) sign(g_j - g_i)), where s is
    predicted and g true; 0 where every pair is tied or there is none. li2018end sums over all
    pairs; the tied ones add a constant to it.
    """
    ordered, gaps = _pairs(predicted, target)
    return (relu(margin - gaps) * ordered).sum() / ordered.sum().clamp(min=1)


def mse_ranking(
    predicted: Tensor, target: Tensor, margin: float, alpha: float | Balanced
) -> Tensor:
    """`mse` + alpha * `ranking`, both of them means (li2018end Eq. 3).

    li2018end halves the squared error and sums over the pairs: for n videos without ties, its alpha
    a is alpha = n (n - 1) a here, and on scores divided by a standard deviation S, n (n - 1) a / S.
    alpha=balanced means the same in both, see `balanced_alpha`.
    """
    if alpha == "balanced":
        weight: float | Tensor = balanced_alpha(predicted, target, margin)
    else:
        weight = alpha
    return mse(predicted, target) + weight * ranking(predicted, target, margin)


@torch.no_grad()
def balanced_alpha(predicted: Tensor, target: Tensor, margin: float) -> Tensor:
    """The alpha with which `mse` and `ranking` move the predictions equally (li2018end Eq. 4-7).

    The ratio of the sizes of their gradients, each summed over the batch; the optimizer takes it as
    a constant. 0 where `ranking` has no gradient. li2018end does not say when it is computed; for
    every batch anew is ours. Its Eq. 5 leaves out sign(g_j - g_i), and has alpha on both sides.
    """
    ordered, gaps = _pairs(predicted, target)
    pull = 2 * (predicted - target).abs().mean()
    short = (ordered & (gaps < margin)).to(predicted.dtype)
    push = (short.sum(dim=1) - short.sum(dim=0)).abs().sum() / ordered.sum().clamp(min=1)
    return torch.where(push > 0, pull / push, 0.0)


def _pairs(predicted: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(n, n) each: whether the true score of j is above that of i, and s_j - s_i.

    Of an untied pair only the order with sign(g_j - g_i) = 1 is true; of a tied pair neither is.
    """
    return target > target[:, None], predicted - predicted[:, None]


def logistic(logits: Tensor, good: Tensor, weights: ClassWeights) -> Tensor:
    """Mean binary cross-entropy of (n,) log-odds that videos are good, weighted by their class.

    good: 1 or 0. The sum is divided by the number of videos and not by their weights: where these
    average to 1 over all training videos, the steps of an epoch together are balanced.
    """
    weight = weights[0] + (weights[1] - weights[0]) * good
    return binary_cross_entropy_with_logits(logits, good, weight)


def pair_margin(better: Tensor, worse: Tensor, margin: float) -> Tensor:
    """Mean of max(0, margin - (better - worse)) over (pairs,): doughty2018's loss of ranked pairs.

    Their second loss, of pairs without a difference, is left out.
    """
    return relu(margin - (better - worse)).mean()


def bradley_terry(better: Tensor, worse: Tensor) -> Tensor:
    """Mean of -log(chance that the better one of each pair is seen as better), over (pairs,).

    The chance is the logistic function of the difference, as in the model of Bradley and Terry.
    """
    return -logsigmoid(better - worse).mean()


def incremental_mse(predicted: Tensor, target: Tensor, lengths: Tensor) -> Tensor:
    """Mean squared error of scores that grow evenly: after clip k of N, k/N of the final score.

    predicted: (n, clips); what is after a video's end is ignored. target: (n,) final scores.
    lengths: (n,) in clips. The mean over each video's clips, then over videos (jain2020 §V-C).
    """
    step = torch.arange(1, predicted.shape[1] + 1, device=predicted.device)  # (clips,)
    inside = step <= lengths[:, None]  # (n, clips)
    errors = (predicted - target[:, None] * step / lengths[:, None]).square() * inside
    return (errors.sum(dim=1) / lengths).mean()


def pair_loss(logits: Tensor, similar: Tensor, weights: tuple[float, float]) -> Tensor:
    """`logistic` over (pairs,). similar: 1 or 0. weights: of dissimilar and of similar pairs."""
    return logistic(logits, similar, weights)


def log_bag_similarity(logits: Tensor, bag: Tensor, n: int) -> Tensor:
    """The logarithm of the similarity of each of `n` pairs of videos, by their clips: (n,).

    logits: (clips,), of pairs of clips. bag: (clips,), the number of the pair of videos that each
    belongs to. The similarity is the geometric mean of the clips' probabilities: their logarithms
    add up as the points do that single clips lose. 0 for a pair without clips.
    """
    total = logits.new_zeros(n).index_add(0, bag, logsigmoid(logits))
    return total / torch.bincount(bag, minlength=n).clamp(min=1)


def bag_loss(log_similarity: Tensor, meant: Tensor, weights: tuple[float, float]) -> Tensor:
    """Mean cross-entropy between the similarity of bags and their targets.

    log_similarity: (bags,), see `log_bag_similarity`. meant: (bags,) targets in 0..1. weights: of
    targets up to 1/2 and above it.
    """
    low, high = weights
    weight = low + (high - low) * (meant > 0.5)
    entropy = meant * log_similarity + (1 - meant) * _log_complement(log_similarity)
    return -(weight * entropy).mean()


def _log_complement(log_chance: Tensor) -> Tensor:
    """log(1 - p) from log(p); p is kept below 1, where the complement has no logarithm."""
    return torch.log(-torch.expm1(log_chance.clamp(max=-1e-6)))


def soft_labels(values: Tensor, bins: int, std: float) -> Tensor:
    """A Gaussian around each value, over bins 0, 1, ..., summing to 1: (...,) -> (..., bins)."""
    numbers = torch.arange(bins, device=values.device)
    return torch.softmax(-0.5 * ((values[..., None] - numbers) / std).square(), dim=-1)


def divergence(predicted: Tensor, values: Tensor, std: float) -> Tensor:
    """KL divergence of (n, m, bins) log-probabilities from the soft labels of (n, m) values.

    Summed over bins, and the mean over values and videos (PyTorch's `batchmean`): a mean over bins
    would shrink with their number. values, std: in bins, counted from 0.
    """
    meant = soft_labels(values, predicted.shape[-1], std)
    return kl_div(predicted.flatten(0, 1), meant.flatten(0, 1), reduction="batchmean")


def tree_loss(log_chance: Tensor, place: Tensor, leaf: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of every leaf, and the squared error inside the right one (CoRe).

    log_chance: (pairs, leaves) log-probabilities. place: (pairs, leaves) in 0..1, where each leaf
    predicts the difference inside its interval. leaf: (pairs,), the right one. target: (pairs,),
    the true place in its interval. Summed over leaves; the mean over pairs.
    """
    right = one_hot(leaf, log_chance.shape[1]).bool()
    cross_entropy = -torch.where(right, log_chance, _log_complement(log_chance)).sum(dim=1)
    inside = place.gather(1, leaf[:, None]).squeeze(1)
    return (cross_entropy + (inside - target).square()).mean()


def leaf_loss(log_chance: Tensor, place: Tensor, leaf: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of the right leaf, and the squared error inside it; the mean over pairs.

    As the authors' code of CoRe has it; arguments as `tree_loss`'s.
    """
    rows = torch.arange(len(leaf), device=leaf.device)
    return ((place[rows, leaf] - target).square() - log_chance[rows, leaf]).mean()


def triplet_loss(features: Tensor, labels: Tensor, margin: float) -> Tensor:
    """By how much vectors are not nearer to all of their own label than to others, by a margin.

    For each vector ReLU(distance to the farthest of its label - distance to the nearest of another
    label + margin); the mean over vectors. features: (n, dim), compared by the Euclidean distance
    of their directions, 0..2. labels: (n,). A vector that is alone with its label, or whose label
    all have, is left out; where all are, the loss is 0.
    """
    directions = normalize(features, dim=1)
    # At a distance of 0 the root has no finite gradient.
    distance = (2 - 2 * directions @ directions.T).clamp(min=1e-12).sqrt()  # (n, n)
    same = labels[:, None] == labels
    of_label = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    valid = of_label.any(dim=1) & (~same).any(dim=1)
    farthest = distance.masked_fill(~of_label, -torch.inf).amax(dim=1)
    nearest = distance.masked_fill(same, torch.inf).amin(dim=1)
    excess = relu(farthest - nearest + margin)[valid]
    return excess.mean() if len(excess) else distance.sum() * 0

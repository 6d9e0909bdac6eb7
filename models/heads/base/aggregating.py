"""What the heads that aggregate clips share: farabi2021's network, its settings, its feedback."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples
from aqa.models.heads.base.answers import Explanation
from aqa.models.heads.base.checks import check_sequences
from aqa.models.heads.base.params import param
from aqa.models.heads.base.pooling import layers
from aqa.models.heads.base.score_network import ScoreNetworkHead
from aqa.number_text import fixed

WIDTH = 128


class AggregateRegressor(nn.Module):
    """Clips through layers to 128 values, their weighted sum, a linear layer (farabi2021 §3).

    The layers are dim -> 512 -> 256 -> 128, without those that would widen: 512 -> 256 -> 128 and
    2048 -> 512 -> 256 -> 128 are farabi2021's (Fig. 3), the rule for other widths is ours. ReLU
    after each, which farabi2021 does not state.

    decider: (..., 128) -> (..., 128); a softmax of it over the clips gives their weights, in each
    of the 128 dimensions by itself. None gives all clips the same weight.

    blank: (dim,), the feature of a blank clip; longest: videos of fewer clips are filled up with
    blank ones to so many. Without a blank clip they stay as long as they are.
    """

    blank: Tensor
    longest: Tensor

    def __init__(
        self, dim: int, decider: nn.Module | None, blank: Tensor | None = None, longest: int = 0
    ):
        super().__init__()
        widths = [dim, *(width for width in (512, 256) if width < dim), WIDTH]
        self.clip = nn.Sequential(*layers(*widths), nn.ReLU())
        self.decider = decider
        self.linear = nn.Linear(WIDTH, 1)
        self.pads = blank is not None
        if blank is not None:
            self.register_buffer("blank", blank)
            self.register_buffer("longest", torch.tensor(longest))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n,)."""
        features, weights = self.weighted(x, lengths)
        scores: Tensor = self.linear((features * weights).sum(dim=1)).squeeze(1)
        return scores

    def weighted(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Features and weights of clips, (n, clips, 128) each; what is behind the end weighs 0.

        Blank clips that videos are filled up with are clips, behind those of `x`.
        """
        if self.pads:
            x, lengths = self._filled(x, lengths)
        features: Tensor = self.clip(x)
        step = torch.arange(x.shape[1], device=x.device)  # (clips,)
        padding = (step >= lengths[:, None])[:, :, None]  # (n, clips, 1)
        votes = torch.zeros_like(features) if self.decider is None else self.decider(features)
        return features, votes.masked_fill(padding, -torch.inf).softmax(dim=1)

    def _filled(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The videos with blank clips behind their end, and how many clips they then have."""
        more = max(int(self.longest) - x.shape[1], 0)
        x = nn.functional.pad(x, (0, 0, 0, more))
        step = torch.arange(x.shape[1], device=x.device)
        shown = (step < lengths[:, None])[:, :, None]
        return x.where(shown, self.blank), lengths.clamp(min=self.longest)


class OneVideoAggregate(nn.Module):
    """An `AggregateRegressor` for one video, without shapes that depend on values, to be exported.

    All blank clips behind a video's end are alike: one stands for them, weighed by their number.
    """

    def __init__(self, net: nn.Module):
        super().__init__()
        assert isinstance(net, AggregateRegressor)
        self.net = net

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(1, clips, dim), lengths (1,) -> (1,)."""
        net, counts = self.net, torch.ones_like(x[:, :, :1])  # (1, clips, 1)
        if net.pads:
            x = torch.cat([x, net.blank.expand(1, 1, -1)], dim=1)
            blank = (net.longest - lengths).clamp(min=0).to(counts)
            counts = torch.cat([counts, blank.reshape(1, 1, 1)], dim=1)
        features: Tensor = net.clip(x)
        votes = torch.zeros_like(features) if net.decider is None else net.decider(features)
        weights = (votes + counts.log()).softmax(dim=1)  # log 0: it weighs nothing
        scores: Tensor = net.linear((features * weights).sum(dim=1)).squeeze(1)
        return scores


def farabi_padding() -> Any:
    """The hyper-parameter `pad` of the heads that aggregate clips.

    In farabi2021 all videos have as many frames. A mean over a video's own clips would not see how
    long it is.
    """
    return param(
        True,
        "fill videos up with blank clips, features of zeros, to the longest training video's "
        "length",
        source="ours, by held-out training dives",
    )


def blank_clip(head: ScoreNetworkHead, dim: int) -> Tensor:
    """A feature of zeros as the network takes it, (dim,)."""
    zeros = np.zeros(dim)
    scaled = head.scaled(zeros) if hasattr(head, "centre_") else zeros
    return torch.as_tensor(scaled, dtype=torch.float32)


def farabi_epochs() -> Any:
    """The hyper-parameter `epochs` of the heads that aggregate clips."""
    return param(50, "at most, over the training videos (farabi2021 §4.3)")


def farabi_lr() -> Any:
    """The hyper-parameter `lr` of the heads that aggregate clips.

    farabi2021 takes steps of 2 videos at a rate of 1e-4, as its whole network must fit in memory.
    On features, larger steps at a larger rate are as good and several times as fast.
    """
    help = "Adam learning rate; ours, for 15 videos per step (farabi2021 §4.3: 1e-4, for 2)"
    return param(1e-3, help, above=0)


def farabi_halving() -> Any:
    """The hyper-parameter `lr_halve_every` of the heads that aggregate clips."""
    return param(None, "steps after which the rate is halved; farabi2021: never")


def farabi_loss() -> Any:
    """The hyper-parameter `loss` of the heads that aggregate clips."""
    return param(
        "l1+l2",
        "loss that is minimised; logistic: of labels of two values, which get it by default; "
        "pair-margin or bradley-terry: of --target pairs",
        source="l1+l2: farabi2021 §4.3; mse+ranking: li2018end §4; pair-margin: doughty2018",
    )


def start_aggregate_at(net: nn.Module, mean: float) -> None:
    """Let an untrained `AggregateRegressor` predict the mean target; ours."""
    assert isinstance(net, AggregateRegressor)
    nn.init.constant_(net.linear.bias, mean)


@torch.no_grad()
@deterministic_kernels()
def explain_aggregate(head: ScoreNetworkHead, examples: Examples) -> Explanation:
    """The points that each clip adds to the base to make the score.

    The base is the last layer's bias and what blank clips add. That layer is linear, so the score
    is exactly the sum of the base and the clips' points. Which clips are faulty is told by
    comparing them with those of training videos; below 0 is the rule where there are none to
    compare with. Both are ours: farabi2021 calls no clip faulty.
    """
    head.check_fitted()
    features = check_sequences(examples.features, head.clip_shape, ids=examples.ids)
    sequence = head.scaled(*features)
    device = pick_device(head.device)
    net = head.net_.to(device).eval()
    assert isinstance(net, AggregateRegressor)
    clips = torch.as_tensor(sequence, dtype=torch.float32, device=device)[None]
    clip_features, weights = net.weighted(clips, torch.tensor([len(sequence)], device=device))
    shares = (clip_features * weights)[0] @ net.linear.weight[0]  # (clips,)
    points = shares.double().cpu().numpy() * float(head.y_std_)
    gains, blank = np.split(points, [len(sequence)])
    base = float(net.linear.bias) * float(head.y_std_) + float(head.y_mean_) + float(blank.sum())
    meaning = f"{head.explains} added to a base of {fixed(base, 2)}"
    of = "log-odds" if head.says_probability else "score"
    return Explanation(gains, gains < 0, 0.0, meaning, {}, base, of)

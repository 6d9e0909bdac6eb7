"""The network of `rica2`: steps read the clips, and what they say is composed to a score."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from aqa.models.heads.base.query_decoder import QueryDecoder, after, clip_encoder
from aqa.models.heads.base.steps import NONE, UNKNOWN

PARTS = 3  # the first step, those between, the last


class StepSaid(NamedTuple):
    """scores: (n, samples). mean, log_variance: (n, steps, latent). clips: (n, steps, clips)
    attention of the last layer. counts: (n,) steps of each video.
    """

    scores: Tensor
    mean: Tensor
    log_variance: Tensor
    clips: Tensor
    counts: Tensor


class RubricNet(nn.Module):
    """Two convolutions over clips, a transformer, and a query for each step that reads the clips.

    What a step has read becomes a normal distribution; its samples are averaged within each part of
    the action (the first step, those between, the last), the parts go through a layer each, the
    three together through another, and that to the score. A query is the learned vector of the
    step's name plus that of its place. In training samples are drawn anew; afterwards they are
    those of `noise`, so that the same video always gets the same score.
    """

    noise: Tensor

    def __init__(
        self,
        dim: int,
        *,
        names: int,
        places: int,
        width: int,
        latent: int,
        heads: int,
        layers: tuple[int, int],
        dropout: float,
        samples: int,
    ):
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv1d(source, width, 3, padding=1) for source in (dim, width)
        )
        self.encoder = clip_encoder(width, heads, layers[0], width, dropout)
        self.names = nn.Embedding(names + UNKNOWN + 1, width, padding_idx=NONE)
        self.places = nn.Embedding(places, width)
        self.decoder = QueryDecoder(
            width=width, heads=heads, layers=layers[1], inner=width, dropout=dropout
        )
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)
        self.parts = nn.ModuleList(nn.Linear(latent, latent) for _ in range(PARTS))
        self.whole = nn.Linear(PARTS * latent, latent)
        self.last = nn.Linear(latent, 1)
        self.register_buffer("noise", torch.randn(samples, places, latent))

    @torch.no_grad()
    def settle_unknown(self) -> None:
        """Let the vector of a step that training had not be the mean of those it had.

        No training video has such a step, so nothing else sets it.
        """
        self.names.weight[UNKNOWN] = self.names.weight[UNKNOWN + 1 :].mean(dim=0)

    def said(self, x: Tensor, lengths: Tensor, steps: Tensor) -> StepSaid:
        """(n, clips, dim) padded behind, lengths (n,), numbers of steps (n, steps)."""
        behind = after(lengths, x.shape[1])
        for convolution in self.convolutions:
            x = x.masked_fill(behind[:, :, None], 0.0)
            x = relu(convolution(x.transpose(1, 2)).transpose(1, 2))  # (n, clips, width)
        clips = self.encoder(x, src_key_padding_mask=behind)
        counts = (steps != NONE).sum(dim=1)
        place = torch.arange(steps.shape[1], device=steps.device).clamp(
            max=self.places.num_embeddings - 1
        )
        read = self.decoder(self.names(steps) + self.places(place), clips, lengths, counts)
        mean, log_variance = self.mean(read.features), self.log_variance(read.features)
        spread = (0.5 * log_variance).exp()[:, None]  # (n, 1, steps, latent)
        shape = (len(x), len(self.noise), *mean.shape[1:])
        noise = torch.randn(shape, device=x.device) if self.training else self.noise[:, place]
        scores = self.composed(mean[:, None] + spread * noise, counts)
        return StepSaid(scores, mean, log_variance, read.clips[:, -1], counts)

    def composed(self, drawn: Tensor, counts: Tensor) -> Tensor:
        """Samples of every step, (n, samples, steps, latent) -> scores (n, samples)."""
        parts = part_of_steps(counts, drawn.shape[2]).to(drawn)  # (n, parts, steps)
        sizes = parts.sum(dim=2).clamp(min=1)  # (n, parts)
        means = torch.einsum("npk,nskd->nspd", parts, drawn) / sizes[:, None, :, None]
        joined = torch.cat(
            [relu(layer(means[:, :, p])) for p, layer in enumerate(self.parts)], dim=2
        )
        scores: Tensor = self.last(relu(self.whole(joined))).squeeze(2)
        return scores

    def forward(self, x: Tensor, lengths: Tensor, steps: Tensor) -> Tensor:
        """As `said`: each video's scores, (n, samples)."""
        return self.said(x, lengths, steps).scores


def part_of_steps(counts: Tensor, most: int) -> Tensor:
    """1 where a step is of a part, (n, parts, steps): the first, those between, the last.

    counts: (n,) steps of each video. The only step of a video is one between.
    """
    place = torch.arange(most, device=counts.device)  # (steps,)
    several = counts[:, None] > 1
    first = (place == 0) & several
    last = (place == counts[:, None] - 1) & several
    between = (place < counts[:, None]) & ~first & ~last
    return torch.stack([first, between, last], dim=1).float()


def bottleneck(mean: Tensor, log_variance: Tensor, counts: Tensor) -> Tensor:
    """KL divergence of each step's distribution from the standard normal one.

    (n, steps, latent) each; counts: (n,) steps. Summed over the latent values; the mean over steps.
    """
    of_steps = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=2)
    real = ~after(counts, mean.shape[1])
    return of_steps[real].mean()


def clip_places(lengths: Tensor, longest: int) -> Tensor:
    """Where the middle of each clip lies in its video, 0 to 1: (n, longest)."""
    return (torch.arange(longest, device=lengths.device) + 0.5) / lengths[:, None]


def attention_order(clips: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
    """By how much steps do not look later than the step before, by the length of a clip.

    clips: (n, steps, clips) weights. The mean over neighbouring steps of ReLU(place of a step +
    margin - place of the next), where a place is the mean of the clips', by the weights. margin: a
    clip's length, or where there are more steps than clips, a step's. 0 without neighbours.
    """
    places = (clips * clip_places(lengths, clips.shape[2])[:, None]).sum(dim=2)  # (n, steps)
    margin = 1 / torch.maximum(lengths, counts)[:, None]
    real = ~after(counts, places.shape[1])[:, 1:]
    late = relu(places[:, :-1] + margin - places[:, 1:])[real]
    return late.mean() if len(late) else places.sum() * 0


def attention_spread(clips: Tensor, lengths: Tensor, counts: Tensor) -> Tensor:
    """How far from its place a step looks, as a share of the video: the mean over steps.

    clips: (n, steps, clips) weights, of which each step's add up to 1.
    """
    at = clip_places(lengths, clips.shape[2])[:, None]  # (n, 1, clips)
    places = (clips * at).sum(dim=2, keepdim=True)
    far = (clips * (at - places).abs()).sum(dim=2)  # (n, steps)
    return far[~after(counts, far.shape[1])].mean()

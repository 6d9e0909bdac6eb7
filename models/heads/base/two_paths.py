"""The network of `t2cr`: a video and an exemplar read each other, all clips and half as many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, pad, relu

from aqa.models.heads.base.query_decoder import QueryDecoder, after
from aqa.models.training.loop import VideoBatch

LAST = 64  # width of the layer before a score
SQUEEZE = 16  # of so many values, squeeze-and-excitation keeps one
TEMPERATURE = 0.1


@dataclass(frozen=True)
class MetVideos(VideoBatch):
    """Videos, with their scores as targets, and pairs of them: an exemplar and a video each.

    first, second: (pairs,) numbers of the exemplar and of the video.
    """

    first: Tensor
    second: Tensor


class PairSaid(NamedTuple):
    """difference: (pairs,). itself: (n,), the difference of each video with itself. own: (n,)
    each video's score by itself. paths: (n, 2, width), what each says of itself, by path.
    """

    difference: Tensor
    itself: Tensor
    own: Tensor
    paths: Tensor


class Gated(nn.Module):
    """Squeeze-and-excitation: each value times a gate that all values together set, 0 to 1."""

    def __init__(self, width: int):
        super().__init__()
        self.squeeze = nn.Linear(width, max(width // SQUEEZE, 1))
        self.excite = nn.Linear(max(width // SQUEEZE, 1), width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        gates: Tensor = self.excite(relu(self.squeeze(x))).sigmoid()
        return x * gates


class TwoPathNet(nn.Module):
    """In each path the clips of one video read those of the other, and the other way round.

    The first path has all clips, the second the means of neighbouring ones, half as many (that they
    are means: ours). What two videos have read, averaged over their clips, makes four vectors;
    through gates and two layers they become the difference of scores. What a video reads in itself
    makes its own score.
    """

    def __init__(self, dim: int, width: int, heads: int, layers: int, dropout: float):
        super().__init__()
        self.project = nn.Linear(dim, width)
        self.decoders = nn.ModuleList(
            QueryDecoder(width=width, heads=heads, layers=layers, inner=width, dropout=dropout)
            for _ in range(2)
        )
        self.gates = Gated(4 * width)
        self.difference = _two_layers(4 * width)
        self.own = _two_layers(2 * width)

    def read(self, x: Tensor, lengths: Tensor, reader: Tensor, other: Tensor) -> Tensor:
        """What the videos `reader` take from the videos `other`, (pairs,) each: (pairs, 2, width).

        x: (n, clips, dim) padded behind. lengths: (n,).
        """
        said = []
        clips = self.project(x)
        for decoder, (path, counts) in zip(
            self.decoders, ((clips, lengths), halved(clips, lengths)), strict=True
        ):
            read = decoder(path[reader], path[other], counts[other], counts[reader]).features
            outside = after(counts[reader], read.shape[1])[:, :, None]
            said.append(read.masked_fill(outside, 0.0).sum(dim=1) / counts[reader][:, None])
        return torch.stack(said, dim=1)

    def apart(self, exemplar: Tensor, video: Tensor) -> Tensor:
        """The difference of scores, by what both have read: (pairs, 2, width) each -> (pairs,)."""
        joined = torch.cat([video, exemplar], dim=1).flatten(1)  # (pairs, 4 * width)
        difference: Tensor = self.difference(self.gates(joined)).squeeze(1)
        return difference

    def forward(self, x: Tensor, lengths: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The difference of each pair of an exemplar `first` and a video `second`: (pairs,)."""
        both = self.read(x, lengths, torch.cat([first, second]), torch.cat([second, first]))
        return self.apart(*both.chunk(2))

    def said(self, batch: MetVideos) -> PairSaid:
        """All that the losses need, of the pairs and of every video by itself."""
        every = torch.arange(len(batch.x), device=batch.x.device)
        reader = torch.cat([batch.first, batch.second, every])
        other = torch.cat([batch.second, batch.first, every])
        read = self.read(batch.x, batch.lengths, reader, other)
        count = len(batch.first)
        exemplar, video, alone = read.split([count, count, len(every)])
        own: Tensor = self.own(alone.flatten(1)).squeeze(1)
        return PairSaid(self.apart(exemplar, video), self.apart(alone, alone), own, alone)


def _two_layers(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, LAST), nn.ReLU(), nn.Linear(LAST, 1))


def halved(clips: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The means of neighbouring clips, and how many there are; a last one alone stays as it is.

    clips: (n, clips, width) padded behind; lengths: (n,).
    """
    inside = (~after(lengths, clips.shape[1]))[:, :, None].to(clips)
    odd = clips.shape[1] % 2
    total, counts = (
        pad(values, (0, 0, 0, odd)).unflatten(1, (-1, 2)).sum(dim=2)
        for values in (clips * inside, inside)
    )
    return total / counts.clamp(min=1), (lengths + 1) // 2


def path_contrast(paths: Tensor) -> Tensor:
    """How well what a video says in one path is told from what others say in the other path.

    paths: (n, 2, width). The cosines of all videos' first and second paths, divided by
    `TEMPERATURE`, are log-odds of being the same video; the mean cross-entropy, both ways.
    """
    one, other = normalize(paths, dim=2).unbind(1)
    likeness = one @ other.T / TEMPERATURE  # (n, n)
    same = torch.arange(len(paths), device=paths.device)
    return (cross_entropy(likeness, same) + cross_entropy(likeness.T, same)) / 2


def pair_losses(said: PairSaid, batch: MetVideos) -> dict[str, Tensor]:
    """Each loss by its name; scores and differences by their mean squared error.

    difference: of the pairs. own: of each video's own score. consistency: of the difference with
    that of both own scores. contrast: see `path_contrast`. itself: of a video with itself, from 0.
    """
    scores, first, second = batch.targets, batch.first, batch.second
    return {
        "difference": (said.difference - (scores[second] - scores[first])).square().mean(),
        "own": (said.own - scores).square().mean(),
        "consistency": (said.difference - (said.own[second] - said.own[first])).square().mean(),
        "contrast": path_contrast(said.paths),
        "itself": said.itself.square().mean(),
    }

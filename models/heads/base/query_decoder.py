"""Learned queries that read a video's clips, and say how much of each clip they took."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


class Read(NamedTuple):
    """What queries have read.

    features: (n, queries, width). own: (n, layers, queries, queries), the weights by which queries
    looked at each other, each row adding up to 1. clips: (n, layers, queries, clips), the same of
    clips; 0 behind a video's end. Both are means over the attention heads.
    """

    features: Tensor
    own: Tensor
    clips: Tensor


class Attention(nn.Module):
    """Multi-head attention that also gives its weights, as they are before dropout."""

    def __init__(self, width: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """x (n, queries, width), memory (n, keys, width) -> as x, and (n, queries, keys).

        hidden: (n, keys), which keys nobody may look at. The weights are the mean over the heads.
        """
        query, key, value = (
            layer(source).unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, ., part)
            for layer, source in ((self.query, x), (self.key, memory), (self.value, memory))
        )
        likeness = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        if hidden is not None:
            likeness = likeness.masked_fill(hidden[:, None, None], -torch.inf)
        weights = likeness.softmax(dim=3)  # (n, heads, queries, keys)
        read = (self.dropout(weights) @ value).transpose(1, 2).flatten(2)
        return self.out(read), weights.mean(dim=1)


class QueryLayer(nn.Module):
    """Queries look at each other, then at the clips, then go through two layers with a ReLU.

    first_norm: each of the three is of what a normalisation makes of the queries ("pre-norm");
    else its sum with them is normalised.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float, *, first_norm: bool):
        super().__init__()
        self.own = Attention(width, heads, dropout)
        self.clips = Attention(width, heads, dropout)
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)
        self.first_norm = first_norm

    def forward(
        self, queries: Tensor, clips: Tensor, behind: Tensor, no_query: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries (n, queries, width) and clips (n, clips, width) -> queries, and both weights.

        behind: (n, clips), what is no clip. no_query: (n, queries), what is no query.
        """
        at = self._before(0, queries)
        said, own = self.own(at, at, no_query)
        queries = self._after(0, queries, said)
        said, weights = self.clips(self._before(1, queries), clips, behind)
        queries = self._after(1, queries, said)
        inside = self.dropout(relu(self.inner(self._before(2, queries))))
        return self._after(2, queries, self.outer(inside)), own, weights

    def _before(self, place: int, queries: Tensor) -> Tensor:
        made: Tensor = self.norms[place](queries) if self.first_norm else queries
        return made

    def _after(self, place: int, queries: Tensor, said: Tensor) -> Tensor:
        total = queries + self.dropout(said)
        made: Tensor = total if self.first_norm else self.norms[place](total)
        return made


class QueryDecoder(nn.Module):
    """`QueryLayer`s one after the other."""

    def __init__(
        self,
        *,
        width: int,
        heads: int,
        layers: int,
        inner: int,
        dropout: float,
        first_norm: bool = False,
    ):
        super().__init__()
        self.layers = nn.ModuleList(
            QueryLayer(width, heads, inner, dropout, first_norm=first_norm) for _ in range(layers)
        )

    def forward(
        self, queries: Tensor, clips: Tensor, lengths: Tensor, counts: Tensor | None = None
    ) -> Read:
        """(n, queries, width) and (n, clips, width) padded behind -> what was read.

        lengths: (n,) clips of each video. counts: (n,) queries of each; all without it.
        """
        behind = after(lengths, clips.shape[1])
        no_query = None if counts is None else after(counts, queries.shape[1])
        own, read = [], []
        for layer in self.layers:
            queries, of_queries, of_clips = layer(queries, clips, behind, no_query)
            own.append(of_queries)
            read.append(of_clips)
        return Read(queries, torch.stack(own, dim=1), torch.stack(read, dim=1))


def after(lengths: Tensor, longest: int) -> Tensor:
    """Which of `longest` places lie behind a video's end: lengths (n,) -> (n, longest)."""
    return torch.arange(longest, device=lengths.device) >= lengths[:, None]


def clip_encoder(width: int, heads: int, layers: int, inner: int, dropout: float) -> nn.Module:
    """A transformer that puts clips in context; call it with `src_key_padding_mask`."""
    layer = nn.TransformerEncoderLayer(width, heads, inner, dropout, batch_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

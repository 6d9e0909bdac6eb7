"""Queries that read clips, held against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from aqa.models.heads.base.query_decoder import QueryDecoder, after
from aqa.models.heads.base.widths import fitting_width


def attend(module, queries, keys):
    """Attention of one video, a query and a head at a time: what is read, and mean weights."""
    part = queries.shape[1] // module.heads
    q, k, v = module.query(queries), module.key(keys), module.value(keys)
    out, weights = [], torch.zeros(len(queries), len(keys)).double()
    for number, row in enumerate(q):
        joined = []
        for head in range(module.heads):
            own = slice(head * part, (head + 1) * part)
            likeness = torch.stack([torch.exp(row[own] @ key[own] / math.sqrt(part)) for key in k])
            share = likeness / likeness.sum()
            weights[number] += share / module.heads
            joined.append(sum(s * value[own] for s, value in zip(share, v, strict=True)))
        out.append(torch.cat(joined))
    return module.out(torch.stack(out)), weights


def naive(decoder, queries, clips):
    """Queries of one video without padding, and the weights of every layer."""
    own, read = [], []
    for layer in decoder.layers:
        same = lambda x: x  # noqa: E731
        before = layer.norms if layer.first_norm else [same] * 3
        behind = [same] * 3 if layer.first_norm else layer.norms
        at = before[0](queries)
        said, weights = attend(layer.own, at, at)
        own.append(weights)
        queries = behind[0](queries + said)
        said, weights = attend(layer.clips, before[1](queries), clips)
        read.append(weights)
        queries = behind[1](queries + said)
        inside = torch.clamp(layer.inner(before[2](queries)), min=0)
        queries = behind[2](queries + layer.outer(inside))
    return queries, torch.stack(own), torch.stack(read)


@pytest.mark.parametrize("first_norm", [False, True])
@torch.no_grad()
def test_queries_read_a_videos_own_clips_and_meet_its_own_queries(first_norm: bool) -> None:
    torch.manual_seed(0)
    decoder = QueryDecoder(width=8, heads=2, layers=2, inner=6, dropout=0.5, first_norm=first_norm)
    decoder = decoder.double().eval()
    lengths, counts = torch.tensor([4, 1, 6]), torch.tensor([2, 3, 1])
    clips, queries = torch.randn(3, 6, 8).double(), torch.randn(3, 3, 8).double()
    read = decoder(queries, clips, lengths, counts)
    for i, (n, k) in enumerate(zip(lengths, counts, strict=True)):
        expected, own, weights = naive(decoder, queries[i, :k], clips[i, :n])
        torch.testing.assert_close(read.features[i, :k], expected)
        torch.testing.assert_close(read.own[i, :, :k, :k], own)
        torch.testing.assert_close(read.clips[i, :, :k, :n], weights)
        assert (read.clips[i, :, :k, n:] == 0).all()
    torch.testing.assert_close(read.clips.sum(dim=3), torch.ones(3, 2, 3).double())


def test_weights_are_those_before_dropout() -> None:
    torch.manual_seed(0)
    decoder = QueryDecoder(width=4, heads=1, layers=1, inner=4, dropout=0.9)
    read = decoder(torch.randn(2, 3, 4), torch.randn(2, 5, 4), torch.tensor([5, 2]))
    torch.testing.assert_close(read.clips.sum(dim=3), torch.ones(2, 1, 3))


def test_what_lies_behind_the_end() -> None:
    assert after(torch.tensor([1, 3]), 3).tolist() == [[False, True, True], [False] * 3]


@pytest.mark.parametrize(
    ("published", "dim", "videos", "width"),
    [
        (1024, 1024, 1059, 1024),  # MTL-AQA's training dives
        (1024, 1024, 200, 128),
        (256, 2048, 300, 256),
        (512, 128, 88, 64),
        (1024, 6, 3, 16),
    ],
)
def test_a_width_suits_features_and_videos(published, dim, videos, width) -> None:
    assert fitting_width(published, dim, videos) == width

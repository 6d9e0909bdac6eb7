"""Learns the filters of `--backbone isa` from pixels (Le et al., CVPR 2011).

Blocks are drawn from the training videos, whitened by their principal components, and turned so
that the lengths of pairs of responses are as sparse as can be. The second layer learns from what
the first makes of larger blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh, polar
from torch import nn

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.backbones.isa import (
    BLOCK_1,
    BLOCK_2,
    FILTERS_1,
    GREY,
    ISA,
    PREPROCESS,
    TINY,
    lengths,
)
from aqa.extract.video.clip_reader import ClipReader
from aqa.features.clips import ClipRule

Matrix = NDArray[np.float32]
Blocks = NDArray[np.uint8]

RULE = ClipRule(16, 16)
# Fewer blocks would leave the covariance of the second layer's inputs without a meaning.
LEAST = 4 * FILTERS_1


class Subspaces(NamedTuple):
    """Orthogonal filters on whitened data, and how it went.

    filters: (n, n), each two rows a subspace. history: the objective after each step.
    """

    filters: Matrix
    history: list[float]


def learn(
    videos: Sequence[Video], *, blocks: int = 10_000, steps: int = 100, seed: int = 0
) -> tuple[ISA, list[dict[str, float]]]:
    """Learn both layers from these videos' pixels; the network, and a row a layer on how it went.

    blocks: drawn from all videos together, the same number of each. steps: of the descent, a
    layer. Raises `AqaError` for too few blocks, `VideoError` for a video that cannot be read.
    """
    if blocks < LEAST:
        raise AqaError(f"{blocks} blocks: {FILTERS_1} filters take {LEAST} or more to learn")
    rng = np.random.default_rng(seed)
    each = -(-blocks // len(videos))
    drawn = np.concatenate([draw_blocks(video, each, rng) for video in videos])
    net = ISA().eval()
    history = [_learn_layer(net.conv1, _parts(drawn, rng), steps, rng, centre=True)]
    with torch.inference_mode():
        seen = torch.cat([_first_units(net, torch.from_numpy(part)) for part in _cut(drawn)])
    history.append(_learn_layer(net.conv2, seen.flatten(1).numpy(), steps, rng))
    return net, history


def draw_blocks(video: Video, count: int, rng: np.random.Generator) -> Blocks:
    """Blocks of grey from anywhere in a video: uint8 (count, *BLOCK_2).

    One pass, holding one clip: each block is of the clips so far, all being equally likely.
    """
    found = np.zeros((count, *BLOCK_2), np.uint8)
    clips = (
        item.pictures
        for batch in ClipReader(video, PREPROCESS, RULE, batch_size=1)
        for item in batch
        if item.pictures is not None
    )
    for number, pictures in enumerate(clips):
        grey = (pictures @ np.array(GREY)).round().astype(np.uint8)
        for i in np.flatnonzero(rng.random(count) < 1 / (number + 1)):
            found[i] = _part(grey, BLOCK_2, rng)
    return found


def principal_components(x: Matrix, count: int) -> tuple[Matrix, float]:
    """What whitens x, (samples, n) of mean 0: (count, n), and the share of the variance kept."""
    covariance = x.T @ x / np.float32(len(x))
    n = len(covariance)
    values, vectors = eigh(covariance, subset_by_index=(n - count, n - 1))
    if values[0] <= 1e-7 * values[-1]:
        raise AqaError(
            f"the blocks differ in fewer than {count} ways, so there are no {count} filters to "
            "learn; are the videos blank, or all of one picture?"
        )
    kept = float(values.sum() / np.trace(covariance))
    return (vectors / np.sqrt(values)).T, kept


def independent_subspaces(
    x: Matrix, steps: int, rng: np.random.Generator, tolerance: float = 1e-5
) -> Subspaces:
    """Orthogonal W whose pairs of responses W x have the sparsest lengths (Le et al.).

    x: (samples, n), whitened, n even. Minimises the mean over samples of the sum of lengths by
    gradient descent; after each step W is made orthogonal again, symmetrically, and a step that
    gains nothing is taken again at half its size. Ends when a step gains less than `tolerance`
    of the objective.
    """
    filters = orthogonal(rng.normal(size=(x.shape[1], x.shape[1])).astype(np.float32))
    value, gradient = _objective(filters, x)
    history, size = [value], 1.0
    for _ in range(steps):
        tried = orthogonal(filters - size * gradient)
        tried_value, tried_gradient = _objective(tried, x)
        if tried_value >= value:
            size /= 2
            continue
        gain = (value - tried_value) / value
        filters, value, gradient = tried, tried_value, tried_gradient
        history.append(value)
        size *= 1.2
        if gain < tolerance:
            break
    return Subspaces(filters, history)


def orthogonal(matrix: Matrix) -> Matrix:
    """The nearest orthogonal matrix, (W W^T)^(-1/2) W."""
    nearest: Matrix = polar(matrix)[0]
    return nearest


def _objective(filters: Matrix, x: Matrix) -> tuple[float, Matrix]:
    """The mean sum of lengths, and its gradient by the filters."""
    responses = x @ filters.T  # (samples, n)
    pairs = responses.reshape(len(x), -1, 2)
    length = np.sqrt(np.square(pairs).sum(axis=2, keepdims=True) + TINY)
    gradient = (pairs / length).reshape(responses.shape).T @ x / len(x)
    return float(length.sum(axis=1).mean()), gradient


def _learn_layer(
    layer: nn.Conv3d, x: Matrix, steps: int, rng: np.random.Generator, *, centre: bool = False
) -> dict[str, float]:
    """Fill a convolution with the subspaces of x, (samples, inputs); how the descent went.

    centre: each sample's own mean is taken off, by the filters too.
    """
    if centre:
        x -= x.mean(axis=1, keepdims=True)
    filters = layer.out_channels
    mean = x.mean(axis=0)
    whitening, kept = principal_components(x - mean, filters)
    found = independent_subspaces((x - mean) @ whitening.T, steps, rng)
    weight = found.filters @ whitening  # (filters, inputs)
    bias = -weight @ mean
    if centre:
        weight -= weight.mean(axis=1, keepdims=True)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight).reshape(layer.weight.shape))
        assert layer.bias is not None
        layer.bias.copy_(torch.from_numpy(bias))
    return {
        "filters": filters,
        "variance_kept": kept,
        "steps": len(found.history) - 1,
        "first": found.history[0],
        "last": found.history[-1],
    }


def _parts(blocks: Blocks, rng: np.random.Generator) -> Matrix:
    """A block of the first layer from somewhere in each: (samples, inputs), as the network has."""
    parts = np.stack([_part(block, BLOCK_1, rng) for block in blocks])
    return parts.reshape(len(parts), -1).astype(np.float32) * np.float32(PREPROCESS.scale)


def _part(block: Blocks, shape: tuple[int, int, int], rng: np.random.Generator) -> Blocks:
    where = [rng.integers(have - want + 1) for have, want in zip(block.shape, shape, strict=True)]
    return block[tuple(slice(a, a + n) for a, n in zip(where, shape, strict=True))]


def _cut(blocks: Blocks, size: int = 500) -> Iterator[Blocks]:
    yield from (blocks[i : i + size] for i in range(0, len(blocks), size))


def _first_units(net: ISA, blocks: torch.Tensor) -> torch.Tensor:
    """What the first layer makes of blocks: uint8 (n, *BLOCK_2) -> (n, units, 2, 2, 2)."""
    return lengths(net.conv1(blocks[:, None].float() * PREPROCESS.scale))

"""Learns the filters of `--backbone isa` from pixels (le2011).

Blocks of pixels are drawn from the training videos, whitened by their principal components, and
rotated so that the lengths of pairs of responses are as sparse as possible. The second layer
learns from the responses of the first layer to larger blocks.
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
from aqa.extract.summary import reason_of
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.clips import ClipRule

Matrix = NDArray[np.float32]
Blocks = NDArray[np.uint8]

RULE = ClipRule(16, 16)
# Fewer blocks would leave the covariance of the second layer's inputs without a meaning.
LEAST = 4 * FILTERS_1


class Subspaces(NamedTuple):
    """Orthogonal filters on whitened data, and how the descent went.

    filters: (n, n), every two rows are a subspace. history: the objective after each step.
    """

    filters: Matrix
    history: list[float]


class LearnedFilters(NamedTuple):
    """A network whose filters were learned, and what became of the videos.

    history: a record per layer on how the descent went. ids: of the videos that were learned
    from. failed: a line for each that could not be read. warnings: what was wrong with others.
    """

    net: ISA
    history: list[dict[str, float]]
    ids: tuple[str, ...]
    failed: list[str]
    warnings: list[str]


def learn(
    videos: Sequence[Video], *, blocks: int = 10_000, steps: int = 100, seed: int = 0
) -> LearnedFilters:
    """Learn both layers from the pixels of videos.

    blocks: how many to draw from all videos together, the same number of each. steps: of the
    gradient descent, per layer. A video that cannot be read is left out. Raises `AqaError` for too
    few blocks, also of those that are left.
    """
    if blocks < LEAST:
        raise AqaError(f"{blocks} blocks: {FILTERS_1} filters take {LEAST} or more to learn")
    rng = np.random.default_rng(seed)
    each = -(-blocks // len(videos))
    drawn, ids, failed, warnings = _drawn_of_all(videos, each, rng)
    net = ISA().eval()
    history = [_learn_layer(net.conv1, _small_blocks(drawn, rng), steps, rng, centre=True)]
    with torch.inference_mode():
        units = torch.cat([_first_units(net, torch.from_numpy(some)) for some in _in_turn(drawn)])
    history.append(_learn_layer(net.conv2, units.flatten(1).numpy(), steps, rng))
    return LearnedFilters(net, history, ids, failed, warnings)


def _drawn_of_all(
    videos: Sequence[Video], each: int, rng: np.random.Generator
) -> tuple[Blocks, tuple[str, ...], list[str], list[str]]:
    """Blocks of all videos that can be read, their ids, and lines on failures and warnings."""
    drawn: dict[str, Blocks] = {}
    failed: list[str] = []
    warnings: list[str] = []
    for video in videos:
        try:
            drawn[video.id] = draw_blocks(video, each, rng, warnings)
        except DECODE_ERRORS as error:
            failed.append(f"{video.id}: {reason_of(video.where, error)}")
    if each * len(drawn) < LEAST:
        raise AqaError(
            f"{len(failed)} of {len(videos)} videos cannot be read, and the others give "
            f"{each * len(drawn)} blocks of {LEAST}; the first: {failed[0]}"
        )
    return np.concatenate(list(drawn.values())), tuple(drawn), failed, warnings


def draw_blocks(
    video: Video, count: int, rng: np.random.Generator, warnings: list[str] | None = None
) -> Blocks:
    """Blocks of grey from anywhere in a video: uint8 (count, *BLOCK_2).

    warnings: is given a line for each thing that is wrong with the file.
    Reads the video once and holds one clip (reservoir sampling): at any time, each block comes
    from one of the clips so far, all of them equally likely.
    """
    blocks = np.zeros((count, *BLOCK_2), np.uint8)
    reader = ClipReader(video, PREPROCESS, RULE, batch_size=1)
    clips = (item.frames for batch in reader for item in batch if item.frames is not None)
    for number, frames in enumerate(clips):
        grey = (frames @ np.array(GREY)).round().astype(np.uint8)
        for i in np.flatnonzero(rng.random(count) < 1 / (number + 1)):
            blocks[i] = _random_block(grey, BLOCK_2, rng)
    if warnings is not None:
        warnings += [f"{video.id}: {video.where}: {line}" for line in reader.warnings]
    return blocks


def principal_components(x: Matrix, count: int) -> tuple[Matrix, float]:
    """The matrix that whitens x, and the share of the variance that it keeps.

    x: (samples, n), of mean 0. The matrix is (count, n).
    """
    covariance = x.T @ x / np.float32(len(x))
    n = len(covariance)
    values, vectors = eigh(covariance, subset_by_index=(n - count, n - 1))
    if values[0] <= 1e-7 * values[-1]:
        raise AqaError(
            f"the blocks differ in fewer than {count} ways, so there are no {count} filters to "
            "learn; are the videos blank, or all frames the same?"
        )
    kept = float(values.sum() / np.trace(covariance))
    return (vectors / np.sqrt(values)).T, kept


def independent_subspaces(
    x: Matrix, steps: int, rng: np.random.Generator, tolerance: float = 1e-5
) -> Subspaces:
    """Orthogonal W whose pairs of responses W x have the sparsest lengths (le2011).

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
    """Fill a convolution with the subspaces of x, (samples, inputs); says how the descent went.

    centre: the mean of each sample is subtracted from it, by the filters too.
    """
    if centre:
        x -= x.mean(axis=1, keepdims=True)
    filters = layer.out_channels
    mean = x.mean(axis=0)
    whitening, kept = principal_components(x - mean, filters)
    learned = independent_subspaces((x - mean) @ whitening.T, steps, rng)
    weight = learned.filters @ whitening  # (filters, inputs)
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
        "steps": len(learned.history) - 1,
        "first": learned.history[0],
        "last": learned.history[-1],
    }


def _small_blocks(blocks: Blocks, rng: np.random.Generator) -> Matrix:
    """A block of the first layer's size from anywhere in each, scaled: (samples, inputs)."""
    small = np.stack([_random_block(block, BLOCK_1, rng) for block in blocks])
    return small.reshape(len(small), -1).astype(np.float32) * np.float32(PREPROCESS.scale)


def _random_block(block: Blocks, shape: tuple[int, int, int], rng: np.random.Generator) -> Blocks:
    """A smaller block from anywhere in a block."""
    where = [rng.integers(have - want + 1) for have, want in zip(block.shape, shape, strict=True)]
    return block[tuple(slice(a, a + n) for a, n in zip(where, shape, strict=True))]


def _in_turn(blocks: Blocks, size: int = 500) -> Iterator[Blocks]:
    """All blocks, some at a time."""
    yield from (blocks[i : i + size] for i in range(0, len(blocks), size))


def _first_units(net: ISA, blocks: torch.Tensor) -> torch.Tensor:
    """The responses of the first layer to blocks: uint8 (n, *BLOCK_2) -> (n, units, 2, 2, 2)."""
    return lengths(net.conv1(blocks[:, None].float() * PREPROCESS.scale))

"""Which two videos are compared, and which of them are similar; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pairs(NamedTuple):
    """Pairs of videos by their numbers in a list: first, second (pairs,) and similar (pairs,)."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    similar: NDArray[np.bool_]

    def counts(self) -> dict[str, int]:
        """How many pairs there are of each kind."""
        similar = int(self.similar.sum())
        return {"similar": similar, "dissimilar": len(self.similar) - similar}

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Those of the pairs that are chosen, (pairs,) bool."""
        return Pairs(self.first[chosen], self.second[chosen], self.similar[chosen])

    def both_orders(self) -> Pairs:
        """Every pair, then every pair turned round."""
        return Pairs(
            np.concatenate([self.first, self.second]),
            np.concatenate([self.second, self.first]),
            np.concatenate([self.similar, self.similar]),
        )


def make_pairs(
    scores: NDArray[np.float64],
    threshold: float | NDArray[np.float64],
    groups: Sequence[str] | None = None,
) -> Pairs:
    """All pairs i < j of videos, or those of one group; similar below the threshold (jain2020 §III-C).

    scores: (n,) in points. threshold: in points, for all or (n,) of each video, the smaller of
    two counts; a difference of exactly that is dissimilar.
    groups: one label a video, such as its type; pairs are then made within them only.
    """
    first, second = np.triu_indices(len(scores), k=1)
    if groups is not None:
        labels = np.unique(np.asarray(groups, str), return_inverse=True)[1]
        within = labels[first] == labels[second]
        first, second = first[within], second[within]
    limits = np.broadcast_to(threshold, len(scores))
    near = np.abs(scores[first] - scores[second]) < np.minimum(limits[first], limits[second])
    return Pairs(first, second, near)


def meant_similarity(
    pairs: Pairs,
    scores: NDArray[np.float64],
    limits: NDArray[np.float64],
    types: Sequence[str],
    learned: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """How similar a video is to an expert, by the points that it loses: (pairs,), 1/2 at the limit.

    An expert is one of the `learned` within its limit of the best of them of its type; a better
    video loses nothing to it. NaN for pairs whose first video is no expert or is of another type.
    scores, limits: (n,) in points, see `make_pairs`; types: (n,); learned: (n,).
    """
    kinds = np.unique(np.asarray(types, str), return_inverse=True)[1]
    best = np.full(len(kinds), -np.inf)
    np.maximum.at(best, kinds[learned], scores[learned])
    expert = learned & (best[kinds] - scores < limits)
    first, second = pairs.first, pairs.second
    lost = np.maximum(scores[first] - scores[second], 0)
    meant = 2 ** (-lost / np.minimum(limits[first], limits[second]))
    return np.where(expert[first] & (kinds[first] == kinds[second]), meant, np.nan)


def plan_steps(
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    order: NDArray[np.intp],
    size: int,
    rng: np.random.Generator | None = None,
) -> list[NDArray[np.intp]]:
    """Deal every pair to exactly one step, so that a step knows at most `size` videos.

    The videos are cut, in the given order, into chunks of size/2; a step is two chunks and the
    pairs across and inside them. Videos whose pairs are among themselves belong side by side in
    `order`: then few pairs of chunks hold any pair, and an epoch embeds few videos twice.

    first, second: the pairs. order: every video once. rng: shuffles the steps. Gives the numbers
    of the pairs of each step.
    """
    if not len(first):
        return []
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    chunks = place // max(size // 2, 1)
    low, high = np.sort(np.stack([chunks[first], chunks[second]]), axis=0)
    n_chunks = int(chunks.max()) + 1
    blocks = low * n_chunks + high
    step_of_block = np.full(n_chunks * n_chunks, -1)
    steps = _merge_blocks([divmod(int(block), n_chunks) for block in np.unique(blocks)])
    if rng is not None:
        rng.shuffle(steps)
    for number, step in enumerate(steps):
        step_of_block[[a * n_chunks + b for a, b in step]] = number
    step_of_pair = step_of_block[blocks]
    by_step = np.argsort(step_of_pair, kind="stable")
    return np.split(by_step, np.cumsum(np.bincount(step_of_pair))[:-1])


Block = tuple[int, int]


def _merge_blocks(blocks: list[Block]) -> list[list[Block]]:
    """Join blocks of chunk pairs into steps of two chunks: a chunk's own pairs ride along."""
    alone = [a for a, b in blocks if a == b]
    steps = []
    for a, b in blocks:
        if a != b:
            own = [c for c in (a, b) if c in alone]
            alone = [c for c in alone if c not in own]
            steps.append([(a, b), *((c, c) for c in own)])
    steps += [[(c, c) for c in alone[i : i + 2]] for i in range(0, len(alone), 2)]
    return steps

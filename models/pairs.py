"""Which videos are compared with each other, and which pairs are similar; NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pairs(NamedTuple):
    """Pairs of videos, by their numbers in a list.

    first, second: (pairs,) numbers. similar: (pairs,), whether their scores are near each other.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    similar: NDArray[np.bool_]

    def counts(self) -> dict[str, int]:
        """The number of similar and of dissimilar pairs."""
        similar = int(self.similar.sum())
        return {"similar": similar, "dissimilar": len(self.similar) - similar}

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """The pairs where `chosen`, (pairs,), is true."""
        return Pairs(self.first[chosen], self.second[chosen], self.similar[chosen])

    def both_orders(self) -> Pairs:
        """All pairs, then all pairs in the other order."""
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
    """All pairs i < j of videos; similar where scores differ by less than a threshold.

    scores: (n,) in points. threshold: in points, one for all videos or (n,) of each, of which the
    smaller of a pair counts; a difference of exactly the threshold is dissimilar (jain2020 §III-C).
    groups: one label per video, such as its type; pairs are then made within groups only.
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
    """How similar the clips of pairs should be, by the points that are lost: (pairs,) in 0..1.

    The first video of a pair is an exemplar, one of the `learned` videos whose score is less than
    its limit below the best of its type. The similarity is 1 where the second video has its score
    or a better one, and is halved for every limit that it has less. NaN for pairs whose first video
    is no exemplar or is of another type. scores, limits: (n,) in points, see `make_pairs`. types,
    learned: (n,).
    """
    kinds = np.unique(np.asarray(types, str), return_inverse=True)[1]
    exemplar = is_exemplar(scores, limits, kinds, learned)
    first, second = pairs.first, pairs.second
    lost = np.maximum(scores[first] - scores[second], 0)
    meant = 2 ** (-lost / np.minimum(limits[first], limits[second]))
    return np.where(exemplar[first] & (kinds[first] == kinds[second]), meant, np.nan)


def is_exemplar(
    scores: NDArray[np.float64],
    limits: NDArray[np.float64],
    kinds: NDArray[np.intp],
    learned: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which videos are exemplars: see `meant_similarity`; kinds: (n,) numbers of their types."""
    best = np.full(len(kinds), -np.inf)
    np.maximum.at(best, kinds[learned], scores[learned])
    exemplar: NDArray[np.bool_] = learned & (best[kinds] - scores < limits)
    return exemplar


def plan_steps(
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    order: NDArray[np.intp],
    size: int,
    rng: np.random.Generator | None = None,
) -> list[NDArray[np.intp]]:
    """The numbers of the pairs of each step: every pair is in one step, of at most `size` videos.

    The videos are divided, in the given order, into chunks of size/2; a step holds the pairs within
    and across two chunks. Videos that are paired with each other should be side by side in `order`:
    then few combinations of chunks hold any pair, and an epoch computes few videos twice.

    first, second: (pairs,) numbers of videos. order: (videos,), every number once. rng: shuffles
    the steps.
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
    """Steps of two chunks each; pairs within a chunk are added to the first step that holds it.

    blocks: the combinations of chunks that hold any pair.
    """
    alone = [a for a, b in blocks if a == b]
    steps = []
    for a, b in blocks:
        if a != b:
            diagonal = [c for c in (a, b) if c in alone]
            alone = [c for c in alone if c not in diagonal]
            steps.append([(a, b), *((c, c) for c in diagonal)])
    steps += [[(c, c) for c in alone[i : i + 2]] for i in range(0, len(alone), 2)]
    return steps

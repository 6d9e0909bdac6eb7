"""Drawing videos that stay together: some groups to hold out, or all of them in parts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Numbers of groups, one per video; or of videos.
Numbers = NDArray[np.int_]


def each_by_itself(groups: Numbers | None) -> bool:
    """Whether no two videos are of one group; also where nobody says of which they are."""
    return groups is None or len(np.unique(groups)) == len(groups)


def whole_groups(groups: Numbers, wanted: float, rng: np.random.Generator) -> Numbers:
    """Positions of the videos of some groups, together as near to `wanted` videos as these allow.

    groups: one per video, of two or more. At least one group is drawn, and one is left.
    """
    names, counts = np.unique(groups, return_counts=True)
    drawn: list[int] = []
    total = 0
    for place in rng.permutation(len(names)).tolist():
        nearer = abs(total + counts[place] - wanted) < abs(total - wanted)
        if nearer and len(drawn) < len(names) - 1:
            drawn.append(names[place])
            total += int(counts[place])
    if not drawn:  # every group is more than twice the size: the smallest comes nearest
        drawn = [names[np.argmin(counts)]]
    return np.flatnonzero(np.isin(groups, drawn))


def parts_at_random(videos: int, n: int, seed: int) -> list[list[int]]:
    """Positions of so many videos in `n` parts of equal size."""
    order = np.random.default_rng(seed).permutation(videos)
    return [order[part::n].tolist() for part in range(n)]


def parts_of_groups(groups: Numbers, n: int, seed: int) -> list[list[int]]:
    """Positions of the videos of each of `n` parts, as equal as whole groups allow.

    The largest group goes first, always into the part that has the fewest videos. Groups of one
    video each make the parts of no groups.
    """
    names, counts = np.unique(groups, return_counts=True)
    if len(names) == len(groups):
        return parts_at_random(len(groups), n, seed)
    places = np.random.default_rng([seed, n]).permutation(len(names))
    parts: list[list[int]] = [[] for _ in range(n)]
    for place in places[np.argsort(-counts[places], kind="stable")]:
        smallest = min(parts, key=len)
        smallest += np.flatnonzero(groups == names[place]).tolist()
    return parts

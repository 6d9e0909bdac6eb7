"""What contradicts itself among pairs, which is told but not refused: people disagree."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from aqa.annotations.pairs import Pair


def told_of_pairs(pairs: Sequence[Pair]) -> list[str]:
    """One line each on pairs that stand there more than once, contradictory pairs, and circles."""
    counts = Counter(pairs)
    lines = []
    if repeated := [pair for pair, n in counts.items() if n > 1]:
        rows = sum(counts[pair] for pair in repeated)
        lines.append(f"repeated: {len(repeated)} pairs stand in {rows} rows, each of which counts")
    if opposed := [one for one in counts if one < one[::-1] and Pair(*one[::-1]) in counts]:
        a, b = opposed[0]
        lines.append(f"contradictory: {len(opposed)} pairs are seen both ways, such as {a} and {b}")
    agreed = [one for one in counts if Pair(*one[::-1]) not in counts]
    groups = circles(agreed)
    if groups:
        videos, example = sum(map(len, groups)), " > ".join(shortest_circle(agreed, groups[0]))
        lines.append(f"circles: {videos} videos stand in circles, such as {example}")
    return lines


def circles(pairs: Sequence[Pair]) -> list[set[str]]:
    """The groups of videos each of which is, step by step, better than all others of the group."""
    names = sorted({i for pair in pairs for i in pair})
    place = {name: number for number, name in enumerate(names)}
    ends = np.array([[place[i] for i in pair] for pair in pairs], int).reshape(-1, 2)
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names),) * 2)
    _, labels = connected_components(graph, directed=True, connection="strong")
    sizes = np.bincount(labels, minlength=1)
    of_group: dict[int, set[str]] = {}
    for name, label in zip(names, labels.tolist(), strict=True):
        if sizes[label] > 1:
            of_group.setdefault(label, set()).add(name)
    return sorted(of_group.values(), key=lambda group: (-len(group), min(group)))


def shortest_circle(pairs: Sequence[Pair], group: set[str]) -> list[str]:
    """A shortest circle through the first video of a group, which stands first and last in it."""
    worse: dict[str, list[str]] = {}
    for pair in pairs:
        if {*pair} <= group:
            worse.setdefault(pair.better, []).append(pair.worse)
    start = min(group)
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while start not in came_from:
        here = waiting.popleft()
        for there in worse.get(here, ()):
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    return [start, *_back(came_from, start)][::-1]


def _back(came_from: dict[str, str], start: str) -> Iterator[str]:
    """The videos before `start`, up to itself."""
    here = came_from[start]
    while here != start:
        yield here
        here = came_from[here]
    yield start

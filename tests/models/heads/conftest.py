"""Small videos of a few types for the heads that compare."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

DIM = 6


class Performances(NamedTuple):
    """Videos whose clips tell their score and type; the blank clip's response."""

    x: list[np.ndarray]
    y: np.ndarray
    id: list[str]
    type: list[str]
    blank: np.ndarray

    def part(self, rows: slice) -> Performances:
        return Performances(self.x[rows], self.y[rows], self.id[rows], self.type[rows], self.blank)


@pytest.fixture(scope="session")
def performances() -> Performances:
    rng = np.random.default_rng(7)
    n = 60
    skill = rng.normal(size=n)
    kinds = np.arange(n) % 3
    x = [
        np.outer(np.ones(rng.integers(2, 6)), [s, -s, *(k == np.arange(3)), 0.5])
        + rng.normal(scale=0.1, size=DIM)
        for s, k in zip(skill, kinds, strict=True)
    ]
    return Performances(
        [sequence.astype(np.float32) for sequence in x],
        60 + 10 * skill,
        [f"v{i:02d}" for i in range(n)],
        ["ABC"[k] for k in kinds],
        np.full(DIM, 0.25, np.float32),
    )

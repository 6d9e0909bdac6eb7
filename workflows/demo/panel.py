"""Faults, what they cost, and how a panel of seven judges turns a dive into a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aqa.errors import AqaError, UnknownNameError

BEST_MARK = 9.5
"""The true mark of a dive without faults."""

JUDGE_NOISE = 0.25
"""Standard deviation of one judge's error, before rounding to halves."""

N_JUDGES = 7

FAULT_COSTS: dict[str, float] = {
    "bent_legs": 2.0,
    "over_rotation": 2.5,
    "slant_entry": 2.5,
    "large_splash": 2.0,
}
"""Points that a fault of severity 1 takes from every judge's mark."""


@dataclass(frozen=True)
class Fault:
    """A fault of known severity in a known half-open interval of frames."""

    name: str
    severity: float
    start: int
    stop: int

    def __post_init__(self) -> None:
        if self.name not in FAULT_COSTS:
            raise UnknownNameError("fault", self.name, FAULT_COSTS)
        if not 0.0 < self.severity <= 1.0:
            raise AqaError(f"{self.name}: severity={self.severity} is not in (0, 1]")
        if not 0 <= self.start < self.stop:
            raise AqaError(f"{self.name}: {self.start}-{self.stop} holds no frame")

    @property
    def cost(self) -> float:
        """Points taken from every judge's mark, to two decimals."""
        return round(self.severity * FAULT_COSTS[self.name], 2)


def true_mark(faults: Sequence[Fault]) -> float:
    """The mark a judge without error would give, before rounding to halves."""
    return max(0.0, round(BEST_MARK - sum(fault.cost for fault in faults), 2))


def panel_marks(mark: float, rng: np.random.Generator) -> tuple[float, ...]:
    """The seven judges' marks: `mark` with noise, rounded to halves, within 0..10."""
    heard = mark + rng.normal(0.0, JUDGE_NOISE, N_JUDGES)
    halves = np.clip(np.floor(2.0 * heard + 0.5) / 2.0, 0.0, 10.0)
    return tuple(float(value) for value in halves)


def execution(marks: Sequence[float]) -> float:
    """Sum of the middle three of the seven marks."""
    if len(marks) != N_JUDGES:
        raise AqaError(f"{len(marks)} marks are not those of {N_JUDGES} judges")
    return float(sum(sorted(marks)[2:5]))


def score(difficulty: float, marks: Sequence[float]) -> float:
    """Difficulty times execution, to two decimals."""
    return round(difficulty * execution(marks), 2)

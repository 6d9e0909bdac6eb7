"""What the learning rate is multiplied by in an epoch, by its number from 1."""

from __future__ import annotations

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def cosine(epochs: int) -> Schedule:
    """Half a cosine from 1 in the first of so many epochs towards 0 after the last."""
    return lambda epoch: 0.5 * (1 + math.cos(math.pi * min(epoch - 1, epochs) / epochs))


def drop(epoch: int, factor: float) -> Schedule:
    """1 before this epoch, and `factor` from it on."""
    return lambda number: factor if number >= epoch else 1.0


def warm_up(epochs: int) -> Schedule:
    """In equal steps up to 1, which is reached in the last of so many epochs."""
    return lambda epoch: min(epoch / epochs, 1.0) if epochs else 1.0

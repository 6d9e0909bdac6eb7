"""By what heads divide scores, columns and features: standard deviations that are never 0.

Values that are all the same have a standard deviation of 0 or, as their mean is rounded, of nearly
0: thirty times 3.1 deviate by 8.9e-16. Divided by that, a new value of 3.2 would lie 1e14
deviations off, so such values are divided by 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# Deviations of at most this share of the largest absolute value are rounding errors; single
# precision keeps seven digits.
_RELATIVE = 1e-7


def spread(values: ArrayLike) -> float:
    """The standard deviation of all values, or 1.0 where they are constant up to rounding.

    NaN where a value is not finite.

    >>> spread([1.0, 5.0]), spread([3.1] * 30)
    (2.0, 1.0)
    """
    given = np.asarray(values, np.float64)
    return 1.0 if is_constant(given) else float(given.std())


def is_constant(values: ArrayLike) -> bool:
    """Whether values are all the same up to rounding: deviate by at most 1e-7 of the largest."""
    given = np.asarray(values, np.float64)
    return bool(given.std() <= _RELATIVE * np.abs(given).max())


def column_scaling(sequences: Sequence[NDArray[np.floating]]) -> tuple[Values, Values]:
    """Mean and `spread` of each column over the rows of all sequences, (dim,) each.

    sequences: (rows, dim) each. They are gone through twice, one at a time, so that no copy of all
    of them is held.
    """
    rows = sum(len(sequence) for sequence in sequences)
    total, size = np.zeros(sequences[0].shape[1]), np.zeros(sequences[0].shape[1])
    for sequence in sequences:
        total += sequence.sum(axis=0, dtype=np.float64)
        np.maximum(size, np.abs(sequence).max(axis=0), out=size)
    mean = total / rows
    squares = np.zeros_like(mean)
    for sequence in sequences:
        squares += np.square(sequence - mean).sum(axis=0)
    return mean, divisors(np.sqrt(squares / rows), size)


def divisors(deviations: ArrayLike, largest: ArrayLike) -> Values:
    """Standard deviations, with 1 in place of those of values that are constant up to rounding.

    largest: the largest absolute value beside each deviation.
    """
    given = np.asarray(deviations, np.float64)
    return np.where(given <= _RELATIVE * np.asarray(largest, np.float64), 1.0, given)

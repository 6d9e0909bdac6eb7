"""The settings that a search tries: every combination of the given values, or some of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from aqa.errors import HeadUsageError

# A setting: `name=value` texts, one per hyper-parameter.
Setting = tuple[str, ...]
# More combinations are not counted out one by one.
_MOST = 1_000_000


def settings_of(texts: Sequence[str], draws: int | None = None, seed: int = 0) -> list[Setting]:
    """Every combination of the values of each hyper-parameter, or `draws` of them, drawn by seed.

    texts: `name=value`; a name that stands there several times is searched over its values.

    >>> settings_of(["lr=1e-3", "lr=1e-4", "hidden=8"])
    [('lr=1e-3', 'hidden=8'), ('lr=1e-4', 'hidden=8')]
    """
    values: dict[str, dict[str, None]] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise HeadUsageError(f"-p {text}: expected name=value, such as lr=1e-4")
        values.setdefault(name.strip(), {})[value] = None
    n = math.prod(len(each) for each in values.values())
    if n < 2:
        raise HeadUsageError(
            "one setting is nothing to search: give a hyper-parameter several values, such as "
            "-p lr=1e-3 -p lr=1e-4"
        )
    if n > _MOST:
        raise HeadUsageError(f"{n} combinations are more than {_MOST}; give fewer values")
    every = itertools.product(*([f"{name}={v}" for v in each] for name, each in values.items()))
    if draws is None or draws >= n:
        return list(every)
    chosen = {*np.random.default_rng(seed).choice(n, draws, replace=False).tolist()}
    return [setting for number, setting in enumerate(every) if number in chosen]


def searched(settings: Sequence[Setting]) -> list[str]:
    """The names of the hyper-parameters that differ among settings."""
    columns = [[text.partition("=") for text in column] for column in zip(*settings, strict=True)]
    return [column[0][0] for column in columns if len({value for _, _, value in column}) > 1]

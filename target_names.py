"""Names of the folders of runs: what they are called, by which seed, and what they predict."""

from __future__ import annotations

import re

# The target that runs have whose folder names none.
SCORE = "score"
# Asks for every target; none can be called so.
EVERY = "all"
# The target of runs that learn who is better, from a table of pairs.
PAIRS = "pairs"
# What they predict.
RANK_VALUE = "rank value"
# Stands in the name of a folder between what its runs are called and another target.
SIGN = "@"
# Stands in it between what its runs are called and their seed, where there are several.
SEED_SIGN = "~seed"


def target_label(label: str, target: str) -> str:
    """The name of the folder of runs that predict a target.

    >>> target_label("svr", "score"), target_label("svr", "tes")
    ('svr', 'svr@tes')
    """
    return label if target == SCORE else f"{label}{SIGN}{target}"


def label_and_target(folder: str) -> tuple[str, str]:
    """What the runs in a folder of this name are called, and what they predict.

    >>> label_and_target("svr"), label_and_target("svr@tes")
    (('svr', 'score'), ('svr', 'tes'))
    """
    label, _, target = folder.partition(SIGN)
    return label, target or SCORE


def seed_label(label: str, seed: int) -> str:
    """What the runs of one of several seeds are called.

    >>> seed_label("lstm", 2)
    'lstm~seed2'
    """
    return f"{label}{SEED_SIGN}{seed}"


def label_and_seed(label: str) -> tuple[str, int | None]:
    """What runs are called without their seed, and that; None where they are of no seed's own.

    >>> label_and_seed("lstm~seed2"), label_and_seed("lstm")
    (('lstm', 2), ('lstm', None))
    """
    found = re.fullmatch(rf"(.+){SEED_SIGN}(0|[1-9][0-9]*)", label)
    return (found[1], int(found[2])) if found else (label, None)


def without_seed(folder: str) -> tuple[str, int | None]:
    """A folder's name without its seed, and that; None where it has none.

    >>> without_seed("lstm~seed2@tes"), without_seed("lstm")
    (('lstm@tes', 2), ('lstm', None))
    """
    label, target = label_and_target(folder)
    base, seed = label_and_seed(label)
    return target_label(base, target), seed

"""Names of targets, what heads predict, and of the folders of runs that predict them."""

from __future__ import annotations

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

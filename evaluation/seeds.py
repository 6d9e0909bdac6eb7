"""Runs of one head by several seeds: their predictions joined, as they are compared.

A seed is a repetition on the same videos, not more data. So a head of several seeds is the mean
over them, and intervals and permutations draw videos.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aqa.errors import AqaWarning, RunError
from aqa.evaluation.predictions import Predictions
from aqa.target_names import SEED_SIGN, label_and_seed, seed_label, without_seed

# Head -> split, or split and seed -> what it predicts.
Answers = Mapping[str, Mapping[str, Predictions]]


def joined_seeds(
    heads: Answers, *, alone: bool = False
) -> tuple[dict[str, Mapping[str, Predictions]], tuple[int, ...]]:
    """Heads as they are compared: those of several seeds as one, split by split and seed by seed.

    Each split becomes one for every seed, such as `1~seed2`, which `plain_split` undoes. A head
    without seeds of its own answers alike for each. Seeds that not all heads of seeds have are left
    out, and so are splits that not all of a head's seeds were evaluated on, both with a warning;
    `RunError` where no seed is left. Heads that are all seeds of one are compared with each other,
    as they are, but with `alone`, where they are one too.
    """
    seeded: dict[str, dict[int, str]] = {}
    for name in heads:
        base, seed = without_seed(name)
        if seed is not None:
            seeded.setdefault(base, {})[seed] = name
    plain = {name: own for name, own in heads.items() if without_seed(name)[1] is None}
    if not seeded or (len(seeded) + len(plain) < 2 and not alone):
        return dict(heads), ()
    seeds = _shared_seeds(seeded)
    joined: dict[str, Mapping[str, Predictions]] = {}
    for name in heads:
        base, seed = without_seed(name)
        title = name if seed is None else _title(base, plain)
        if title not in joined:
            own = {s: heads[name if seed is None else seeded[base][s]] for s in seeds}
            whole = _shared_splits(title, own)
            joined[title] = {
                seed_label(split, s): of[split] for s, of in own.items() for split in whole
            }
    return joined, seeds


def _shared_splits(title: str, own: Mapping[int, Mapping[str, Predictions]]) -> list[str]:
    """The splits that all seeds of a head were evaluated on: each counts every seed alike."""
    known = dict.fromkeys(split for of in own.values() for split in of)
    shared = [split for split in known if all(split in of for of in own.values())]
    others = [split for split in known if split not in shared]
    if others:
        line = (
            f"left out: split {', '.join(others)} of {title}, which not all of its seeds were "
            "evaluated on"
        )
        warnings.warn(line, AqaWarning, stacklevel=4)
    return shared


def _shared_seeds(seeded: Mapping[str, Mapping[int, str]]) -> tuple[int, ...]:
    shared = sorted(set.intersection(*(set(own) for own in seeded.values())))
    if not shared:
        told = "; ".join(f"{name} has {_listed(own)}" for name, own in seeded.items())
        raise RunError(
            f"no seed that all heads were fitted with: {told}; fit them with the same --seeds"
        )
    for name, own in seeded.items():
        others = [seed for seed in own if seed not in shared]
        if others:
            line = f"left out: seeds {_listed(others)} of {name}, which not all heads have"
            warnings.warn(line, AqaWarning, stacklevel=4)
    return tuple(shared)


def _listed(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds)))


def _title(base: str, plain: Mapping[str, object]) -> str:
    """What the seeds of a head together are called: as the head, where no other is called so."""
    return base if base not in plain else f"{base}{SEED_SIGN}s"


def plain_split(split: str) -> str:
    """The name of a split without the seed that `joined_seeds` gave it."""
    return label_and_seed(split)[0]


def apart(splits: Sequence[str], each: Sequence[float]) -> tuple[list[float], list[float]]:
    """Differences of each split, means over seeds, and of each seed, means over splits.

    splits: their names, with the seed where there are several; each: the differences. Of no seeds
    there are no differences.
    """
    of_splits: dict[str, list[float]] = {}
    of_seeds: dict[int, list[float]] = {}
    for name, difference in zip(splits, each, strict=True):
        split, seed = label_and_seed(name)
        of_splits.setdefault(split, []).append(difference)
        if seed is not None:
            of_seeds.setdefault(seed, []).append(difference)
    means = [[float(np.mean(own)) for own in of.values()] for of in (of_splits, of_seeds)]
    return means[0], means[1]

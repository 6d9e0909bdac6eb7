"""What a head is worth over several seeds, and how far that spreads beside the splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from aqa.evaluation.result import Marks, Result, SeedMeans
from aqa.metrics import Values
from aqa.split_names import split_family
from aqa.target_names import label_and_seed


def means_over_seeds(results: Iterable[Result]) -> list[SeedMeans]:
    """The means of each head that was evaluated with several seeds.

    Of its splits those are taken that all its seeds were evaluated on.
    """
    groups: dict[tuple[Any, ...], dict[int, dict[str, Result]]] = {}
    for one in results:
        base, seed = label_and_seed(one.head)
        if seed is not None:
            same = (one.kind, base, split_family(one.split), one.part, one.by, one.group)
            of_seed = groups.setdefault((*same, one.target), {}).setdefault(seed, {})
            of_seed[one.split] = one
    found = []
    for (kind, head, family, part, by, group, target), seeds in groups.items():
        splits = [s for s in next(iter(seeds.values())) if all(s in own for own in seeds.values())]
        if len(seeds) > 1 and splits:
            table = [[own[split] for split in splits] for own in seeds.values()]
            runs = [one for row in table for one in row]
            found.append(
                SeedMeans(
                    kind,
                    head,
                    family,
                    sorted(seeds),
                    splits,
                    **_spreads(table),
                    part=part,
                    by=by,
                    group=group,
                    target=target,
                    marks=Marks.joined([one.marks for one in runs], "splits and seeds"),
                    fewest=min(one.n for one in runs),
                )
            )
    return found


def _spreads(table: Sequence[Sequence[Result]]) -> dict[str, Any]:
    """Means, and deviations over seeds, over splits and together. table: seeds of splits."""
    kinds = ("values", "over_seeds", "over_splits", "together")
    found: dict[str, dict[str, float | None]] = {kind: {} for kind in kinds}
    for name in table[0][0].values:
        values = [[one.values.get(name) for one in row] for row in table]
        of: tuple[float | None, ...] = (None,) * len(kinds)
        if all(value is not None for row in values for value in row):
            array = np.array(values, float)
            each = (array.mean(axis=1), array.mean(axis=0), array.flatten())
            of = (float(array.mean()), *map(_deviation, each))
        for kind, value in zip(kinds, of, strict=True):
            found[kind][name] = value
    return found


def _deviation(values: Values) -> float | None:
    """The sample standard deviation; None of one value."""
    return float(values.std(ddof=1)) if len(values) > 1 else None

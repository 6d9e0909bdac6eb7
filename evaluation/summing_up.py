"""An evaluation of the results of single splits and targets: in order, with every average."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from aqa.annotations.manifest import Manifest
from aqa.evaluation.families import Tested, means_over_splits, pooled_results, pooled_rows
from aqa.evaluation.result import Evaluation, MeanResult, Result
from aqa.evaluation.score_rows import Row
from aqa.evaluation.seed_means import means_over_seeds
from aqa.evaluation.target_means import target_means

_One = TypeVar("_One", Result, MeanResult)


def summed_up(
    results: Sequence[Result],
    tested: Mapping[Tested, Sequence[Row]],
    manifest: Manifest,
    failed: Sequence[str] = (),
) -> Evaluation:
    """Results by head and target, their averages over targets, over splits of a family, over seeds.

    results: of the runs, and behind them of the baselines. tested: rows of predictions.csv of the
    test videos; none, where there is nothing to pool or to average over targets.
    """
    order = _order(results, manifest)
    singles = sorted([*results, *target_means(results, tested, manifest)], key=order)
    together = pooled_rows(tested)
    pooled = pooled_results(results, together, manifest)
    rows = {key: videos for key, (_, videos) in together.items()}
    pooled += target_means(pooled, rows, manifest)
    return Evaluation(
        singles,
        sorted(pooled, key=order),
        means_over_splits(singles),
        failed,
        means_over_seeds(singles),
    )


def _order(results: Sequence[Result], manifest: Manifest) -> Callable[[_One], tuple[int, int]]:
    """Sorts by head as they come, then by target as the manifest's columns stand, averages last."""
    heads = list(dict.fromkeys(one.head for one in results))
    named = [None, *manifest.targets]
    others = [one.target for one in results if one.target not in named]
    targets = [*named, *dict.fromkeys(others)]

    def place(one: _One) -> tuple[int, int]:
        is_average = one.target not in targets
        return heads.index(one.head), len(targets) if is_average else targets.index(one.target)

    return place

"""From the results of a recipe's runs to the cells that its paper prints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from aqa.evaluation.families import means_over_splits
from aqa.evaluation.result import MeanResult, Result
from aqa.metrics import fisher_z
from aqa.workflows.reproduce.cells import Measurement, Measurements
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe


def measured_cells(
    table: PublishedTable, recipe: SystemRecipe, results: Sequence[Result], splits: Sequence[str]
) -> Measurements:
    """(case, metric, measured) of everything that a recipe's results on these splits say."""
    if table.axis == "splits":
        for result in results:
            yield from _metrics(str(splits.index(result.split) + 1), result)
        for over_all in _over_all_splits(results):
            yield from _metrics("mean", over_all)
        return
    of_actions: dict[str, float] = {}
    for mean in _means(results):
        case = _case(table, recipe, mean)
        if case is None:
            continue
        yield from _metrics(case, mean)
        if len(table.splits) > 1:
            yield from _metrics(f"{case} mean", mean)
        if (value := mean.values.get("spearman")) is not None:
            of_actions[case] = float(value)
    yield from mean_of_actions(table, recipe, of_actions)


def _over_all_splits(results: Sequence[Result]) -> list[MeanResult]:
    """Means over all splits of a table, which are one family whatever they are called."""
    return means_over_splits(results, family=lambda split: "")


def _means(results: Sequence[Result]) -> list[Result | MeanResult]:
    """Means over splits, and what only one split has, such as an action that it alone tests."""
    means = _over_all_splits(results)
    averaged = {(mean.part, mean.group) for mean in means}
    return [*means, *(one for one in results if (one.part, one.group) not in averaged)]


def mean_of_actions(
    table: PublishedTable, recipe: SystemRecipe, values: Mapping[str, float]
) -> Measurements:
    """The mean over actions that parmar2019action prints.

    Table 2: through Fisher's z, over all actions; undefined where one of them is 1 or -1. Table 3:
    the plain mean, over new actions.
    """
    if len(values) < len(table.cases):
        return
    if table.axis == "actions":
        mean = float(fisher_z(list(values.values())))
        yield "mean", "spearman", Measurement(mean if math.isfinite(mean) else None)
    if table.axis == "new actions":
        learned = table.cases.get(recipe.action or "")
        new = [value for case, value in values.items() if case != learned]
        yield "mean", "spearman", Measurement(float(np.mean(new)))


def _case(table: PublishedTable, recipe: SystemRecipe, result: Result | MeanResult) -> str | None:
    """What the printed table calls the cell of a result; None where it has none."""
    if table.axis == "feedback":
        return "faulty clips"
    if table.axis in ("types", "actions", "new actions"):
        return table.cases.get(str(result.group))
    if table.axis == "stages":
        return table.cases.get(str(result.part))
    if table.axis == "parts":
        letter = {"difficulty": "D", "execution": "E", None: "F"}.get(result.part)
        return f"{letter} / {recipe.case}" if recipe.case else letter
    return recipe.case or table.cases.get("")


def _metrics(case: str, result: Result | MeanResult) -> Measurements:
    for name, value in result.values.items():
        if isinstance(result, MeanResult):
            yield case, name, Measurement(value, None, result.stds[name], result.splits)
        else:
            low_high = result.intervals[name]
            yield case, name, Measurement(value, low_high and (low_high[0], low_high[1]))

"""Runs what can be run of a published table, and puts what was measured beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aqa.errors import AqaError, UnknownNameError
from aqa.features.store import FeatureStore
from aqa.workflows.reproduce.cells import (
    LAST,
    Measurement,
    Reproduction,
    noted,
    printed_figures,
    with_measured,
)
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.needs import read_annotations
from aqa.workflows.reproduce.runner import RecipeRunner
from aqa.workspace import Workspace


def _origin_runner(
    table: PublishedTable, workspace: Workspace, seed: int, tell: Callable[[str], None]
) -> RecipeRunner:
    """What fits the models that another table's recipes go on from."""
    manifest = read_annotations(table, workspace, "--from")
    return RecipeRunner(table, workspace, manifest, table.splits, seed, None, tell)


def reproduce(
    table: PublishedTable,
    workspace: Workspace,
    *,
    seed: int = 0,
    systems: Sequence[str] = (),
    stand_in: FeatureStore | None = None,
    origin: tuple[PublishedTable, Workspace] | None = None,
    rehearsed: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Fit what is not fitted yet, evaluate it, and put it beside the printed cells.

    systems: those to run; all by default. stand_in: a store of other videos, on which every recipe
    is run over the manifest's own splits: a rehearsal, which says nothing about the printed
    figures. origin: where the models are fitted that recipes go on from: the table and its
    workspace. rehearsed: fine-tune on a few videos for a few steps only. tell: is called with a
    line about each step. A recipe that cannot be run stops none of the others.
    """
    for name in systems:
        if name in table.missing:
            raise AqaError(f"{table.name}: {name}: {table.missing[name]}")
        if name not in table.recipes:
            raise UnknownNameError(f"system of {table.name}", name, list(table.recipes))
    manifest = read_annotations(table, workspace, "-C", own_splits=stand_in is not None)
    names = manifest.split_names if stand_in else table.splits
    runner = RecipeRunner(table, workspace, manifest, names, seed, stand_in, tell)
    runner.rehearsed = rehearsed
    if origin is not None:
        runner.origin = _origin_runner(*origin, seed, tell)
    chosen = {name: table.recipes[name] for name in systems} if systems else table.recipes
    measurements: dict[tuple[str, str, str], Measurement] = {}
    failed = [f"{name}: {why}" for name, why in table.missing.items() if not systems]
    for system, recipes in chosen.items():
        for recipe in recipes:
            try:
                for case, metric, measured in runner.measured(system, recipe):
                    measurements[system, case + recipe.reading, metric] = measured
            except AqaError as error:
                failed.append(f"{system}: {error}")
                continue
            failed += [f"{system}: {reason}" for reason in runner.not_evaluated]
    others = dict.fromkeys(one.reading for each in chosen.values() for one in each if one.reading)
    cells = [
        cell
        for figure in printed_figures(table)
        if not systems or figure.system in systems
        for cell in with_measured(figure, measurements, (LAST, *others))
    ]
    stand_in_name = str(stand_in.path) if stand_in else None
    notes = [*runner.store_notes.values(), *notes_of(table, chosen)]
    return Reproduction(table, cells, list(dict.fromkeys(failed)), notes, stand_in_name)


def notes_of(
    table: PublishedTable, recipes: Mapping[str, Sequence[SystemRecipe]] | None = None
) -> list[str]:
    """What differs from the paper in a table and in these recipes; in all of its recipes."""
    each = (table.recipes if recipes is None else recipes).items()
    return noted(
        table, ((system + one.reading, one.note) for system, several in each for one in several)
    )

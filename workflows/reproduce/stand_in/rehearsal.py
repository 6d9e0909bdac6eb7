"""A published table run from start to end in a minute, on drawn features and labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.models.heads import get_head
from aqa.workflows.reproduce.cells import Reproduction
from aqa.workflows.reproduce.declared import PublishedTable, SystemRecipe
from aqa.workflows.reproduce.run import reproduce
from aqa.workflows.reproduce.stand_in.features import draw_store
from aqa.workflows.reproduce.stand_in.labels import draw_labels, has_labels
from aqa.workflows.reproduce.tables import get_table
from aqa.workspace import Workspace

SPLITS = 2
"""Of a table with more splits only so many are run; of one whose splits are each of an action, so
many for each."""

SETTINGS = {"epochs": "2", "C": "1", "epsilon": "0.1", "gamma": "0.1", "folds": "2"}
"""Settings of the heads in place of a recipe's own, so that fitting takes no time."""

SETTINGS_OF = {
    "cofinal": {"hidden": "28"},
    "rica2": {"hidden": "32", "latent": "16"},
    "t2cr": {"hidden": "16", "exemplars": "2"},
    "uil": {"hidden": "32"},
}
"""As `SETTINGS`, of heads that are wide as published, or slow."""

TOLD = "features and labels that were drawn"


def rehearse(
    table: PublishedTable,
    folder: Path,
    workspace: Workspace,
    *,
    seed: int = 0,
    systems: tuple[str, ...] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> Reproduction:
    """Run every recipe of a table on drawn features, with its own stores, splits and parts.

    folder: where stand-ins are made and fitted, one folder per dataset; what was fitted there for
    another table is not fitted again. workspace: the user's; its labels are taken where they have
    all splits of the table. The figures mean nothing.
    """
    quick = quickened(table)
    place = _made(quick, folder / table.importer, workspace, seed)
    origin = None
    if table.origin:
        source = quickened(get_table(table.origin))
        origin = (source, _made(source, folder / source.importer, workspace, seed))
    return dataclasses.replace(
        reproduce(
            *(quick, place),
            seed=seed,
            systems=systems,
            origin=origin,
            rehearsed=True,
            tell=tell,
        ),
        table=table,
        stand_in=TOLD,
    )


def quickened(table: PublishedTable) -> PublishedTable:
    """The table with few splits and recipes that are fitted at once."""
    recipes = {
        system: tuple(_quick(recipe) for recipe in recipes)
        for system, recipes in table.recipes.items()
    }
    splits = SPLITS * len(table.cases) if table.axis == "actions" else SPLITS
    return dataclasses.replace(table, splits=table.splits[:splits], recipes=recipes)


def _quick(recipe: SystemRecipe) -> SystemRecipe:
    names = {field.name for field in dataclasses.fields(get_head(recipe.head))}
    quick = {name: value for name, value in SETTINGS.items() if name in names}
    quick |= SETTINGS_OF.get(recipe.head, {})
    kept = [text for text in recipe.params if text.partition("=")[0] not in quick]
    params = (*kept, *(f"{name}={value}" for name, value in quick.items()))
    origin = recipe.origin and _quick(recipe.origin)
    return dataclasses.replace(recipe, params=params, origin=origin)


def _made(table: PublishedTable, folder: Path, workspace: Workspace, seed: int) -> Workspace:
    """A workspace with the table's splits and stores; what is there already stays."""
    place = Workspace(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if place.manifest.exists():
        manifest = Manifest.read(place.manifest)
        if not set(table.splits) <= set(manifest.split_names):
            return _made(
                table, folder.with_name(f"{folder.name}-{table.splits[0]}"), workspace, seed
            )
    else:
        manifest = _labels(table, folder, workspace, seed)
    for name, options in table.stores.items():
        path = place.store(name)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            draw_store(path, options, manifest, seed)
    return place


def _labels(table: PublishedTable, folder: Path, workspace: Workspace, seed: int) -> Manifest:
    """The workspace's labels where it has the table's splits, else drawn ones."""
    if workspace.manifest.exists() and has_labels(table, Manifest.read(workspace.manifest)):
        (folder / "manifest.csv").write_bytes(workspace.manifest.read_bytes())
        return Manifest.read(folder / "manifest.csv")
    return draw_labels(table, folder, seed)

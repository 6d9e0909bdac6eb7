"""What a workspace lacks to run a published table."""

from __future__ import annotations

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workspace import Workspace


def needs(table: PublishedTable, workspace: Workspace) -> list[str]:
    """What the workspace lacks to run the whole table: a line each, with the command."""
    return [
        *no_annotations(table, workspace),
        *(
            no_features(table, name, workspace)
            for name in table.stores
            if name in _stores(table) and not workspace.store(name).exists()
        ),
        *([no_origin(table)] if table.origin else []),
        *(f"{system}: {reason}" for system, reason in table.missing.items()),
    ]


def no_features(table: PublishedTable, store: str, workspace: Workspace) -> str:
    """Says that a store does not exist, and how to make it."""
    path = workspace.store(store)
    return f"{path}: no features; aqa extract {table.stores[store]} --store {path}"


def no_origin(table: PublishedTable) -> str:
    """Says that its models go on from those of other data, and how to name these."""
    return (
        f"{table.name} goes on from models of {table.origin}: name the workspace that holds the "
        "data of that table with --from"
    )


def read_annotations(
    table: PublishedTable, workspace: Workspace, option: str, own_splits: bool = False
) -> Manifest:
    """The workspace's manifest; `AqaError` where it, or a split of the table, is not there.

    option: what names another workspace. own_splits: see `no_annotations`.
    """
    if lacking := no_annotations(table, workspace, own_splits):
        raise AqaError(f"{lacking[0]}; or name another workspace with {option}")
    return Manifest.read(workspace.manifest)


def no_annotations(
    table: PublishedTable, workspace: Workspace, own_splits: bool = False
) -> list[str]:
    """Says which annotations or splits there are none of, and how to get them; else nothing.

    own_splits: the table is run over the manifest's own splits, whatever they are.
    """
    if not workspace.manifest.exists():
        return [
            f"{workspace.manifest}: no annotations; aqa import {table.importer} SOURCE "
            f"--videos FOLDER{f', then aqa split {table.protocol}' if table.protocol else ''}"
        ]
    known = Manifest.read(workspace.manifest).split_names
    if own_splits:
        return [] if known else [f"{workspace.manifest}: no split; aqa split random draws some"]
    missing = [name for name in table.splits if name not in known]
    if not missing:
        return []
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    made = (
        f"aqa split {table.protocol}"
        if table.protocol
        else f"aqa import {table.importer}, which reads them; alone, it lists the files it needs"
    )
    return [f"{workspace.manifest}: no split {missing[0]}{more}; {made}"]


def _stores(table: PublishedTable) -> set[str]:
    return {recipe.store for recipes in table.recipes.values() for recipe in recipes}

"""What a workspace lacks to train the systems of a table end to end."""

from __future__ import annotations

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import PARTS
from aqa.extract.checkpoints.cache import default_cache
from aqa.extract.checkpoints.catalogue import find_checkpoint
from aqa.workflows.reproduce.declared import PublishedTable
from aqa.workflows.reproduce.end_to_end.recipe import EndToEndRecipe, Rehearsal
from aqa.workflows.reproduce.end_to_end.recipes import recipes_of
from aqa.workflows.reproduce.needs import no_annotations
from aqa.workspace import Workspace


def end_to_end_needs(
    table: PublishedTable, workspace: Workspace, systems: tuple[str, ...] = ()
) -> list[str]:
    """A line for each thing that is lacking, with the command that gets it."""
    recipes = [one for several in recipes_of(table.name, systems).values() for one in several]
    weights = [weights_lacking(recipe) for recipe in recipes]
    return [
        *annotations_lacking(table, workspace, Rehearsal()),
        *dict.fromkeys(line for line in weights if line),
    ]


def weights_lacking(recipe: EndToEndRecipe) -> str | None:
    """Says that the weights are not there, and the command that gets them; None where they are."""
    if recipe.weights == "random":
        return None
    path = default_cache() / find_checkpoint(recipe.weights).file
    if path.exists():
        return None
    return f"{path}: no weights; aqa weights fetch {recipe.weights}"


def annotations_lacking(
    table: PublishedTable, workspace: Workspace, rehearsal: Rehearsal
) -> list[str]:
    """What is wrong with the manifest, its splits or its videos: a line each, with the command."""
    if missing := no_annotations(table, workspace, own_splits=bool(rehearsal.backbone)):
        return missing
    manifest = Manifest.read(workspace.manifest)
    splits = manifest.split_names if rehearsal.backbone else table.splits
    ids = {i for name in splits for part in PARTS for i in manifest.split(name).part(part)}
    videos = [manifest.by_id[i] for i in ids]
    lost = sorted((v for v in videos if v.path is None or not v.path.exists()), key=lambda v: v.id)
    if not lost:
        return []
    return [
        f"{manifest.path}: {len(lost)} of {len(ids)} videos have no file, such as {lost[0].id} "
        f"({lost[0].path or 'no path'}); aqa import {table.importer} SOURCE --videos FOLDER"
    ]

"""--model: a pack takes the place of the workspace's runs, manifest, store and weights."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import FILE
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.model_places import ModelPlaces

model_option = click.option(
    "--model",
    type=FILE,
    metavar="PACK",
    help="Take the fitted heads of this file, which `aqa pack` made, not those of the workspace.",
)
# What a pack brings itself, by the names of the commands' arguments.
_BROUGHT = {"runs": "--runs", "manifest": "--manifest", "store": "--store"}


def places_of(workspace: Workspace, model: Path | None, **given: Any) -> ModelPlaces:
    """Where a command finds what it needs; a pack stays open until the command ends.

    given: the command's arguments runs, manifest, store and weights, None where not given.
    """
    from aqa.workflows.model_places import ModelPlaces, pack_places

    weights: Path | None = given.pop("weights")
    if model is None:
        return ModelPlaces(
            given.get("runs") or workspace.runs,
            given.get("manifest") or workspace.manifest,
            given.get("store"),
            weights,
        )
    for name, option in _BROUGHT.items():
        if given.get(name) is not None:
            raise click.UsageError(f"{option} and --model: a pack brings its own; leave one out")
    stack = click.get_current_context().with_resource(ExitStack())
    return pack_places(stack, model, weights)

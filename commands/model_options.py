"""--model: a pack takes the place of the workspace's runs, manifest, store and weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import FILE
from aqa.errors import AqaError
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.pack import OpenedPack

model_option = click.option(
    "--model",
    type=FILE,
    metavar="PACK",
    help="Take the fitted heads of this file, which `aqa pack` made, not those of the workspace.",
)
# What a pack brings itself, by the names of the commands' arguments.
_BROUGHT = {"runs": "--runs", "manifest": "--manifest", "store": "--store"}


@dataclass(frozen=True)
class ModelPlaces:
    """Where fitted heads and what belongs to them lie: in a workspace, or in an opened pack."""

    runs: Path
    manifest: Path
    store: Path | None
    weights: Path | None
    pack: OpenedPack | None = None

    def videos(self, names: Sequence[str]) -> list[str]:
        """Names of videos as given; of a pack's, whose ids nobody has videos of, files alone."""
        if self.pack is None:
            return list(names)
        from aqa.annotations.manifest import Manifest
        from aqa.annotations.urls import is_url

        for name in names:
            if not Path(name).exists() and not is_url(name):
                raise AqaError(f"{name}: no such file; with --model, name files of videos")
        ids = Manifest.read(self.manifest).by_id
        return [_no_id(name) if name in ids else name for name in names]


def _no_id(name: str) -> str:
    """The same file by a name that is no id of the pack's training videos."""
    return os.path.relpath(name) if Path(name).is_absolute() else os.path.join(os.curdir, name)


def places_of(workspace: Workspace, model: Path | None, **given: Any) -> ModelPlaces:
    """Where a command finds what it needs; a pack stays open until the command ends.

    given: the command's arguments runs, manifest, store and weights, None where not given.
    """
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
    from aqa.workflows.pack import open_pack

    pack = click.get_current_context().with_resource(open_pack(model))
    inside = pack.workspace
    return ModelPlaces(inside.runs, inside.manifest, None, weights or pack.weights, pack)

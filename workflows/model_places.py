"""Where fitted heads and what belongs to them lie: in a workspace, or in a pack in its place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.manifest import Manifest
from aqa.annotations.urls import is_url
from aqa.errors import AqaError
from aqa.target_names import label_and_target
from aqa.workflows.pack import OpenedPack, open_pack
from aqa.workspace import Workspace, every_run_folder


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
        for name in names:
            if not is_url(name) and not Path(name).exists():
                raise AqaError(f"{name}: no such file; of a pack, name files of videos")
        ids = Manifest.read(self.manifest).by_id
        return [_no_id(name) if name in ids else name for name in names]

    def head(self, given: str | None, otherwise: str) -> str:
        """The head that is meant where none is named: of a pack its only one."""
        if given is not None:
            return given
        if self.pack is None:
            return otherwise
        packed = {label_and_target(one.parent.name)[0] for one in every_run_folder(self.runs)}
        if len(packed) > 1:
            raise AqaError(f"{self.pack.path}: it holds {', '.join(sorted(packed))}; name one head")
        return packed.pop()


def _no_id(name: str) -> str:
    """The same file by a name that is no id of the pack's training videos."""
    return os.path.relpath(name) if Path(name).is_absolute() else os.path.join(os.curdir, name)


def pack_places(stack: ExitStack, model: Path, weights: Path | None = None) -> ModelPlaces:
    """The places in a pack, which stays open until `stack` is closed."""
    pack = stack.enter_context(open_pack(model))
    inside = pack.workspace
    return ModelPlaces(inside.runs, inside.manifest, None, weights or pack.weights, pack)


def places_for(
    stack: ExitStack,
    workspace: Workspace,
    model: str | Path | None,
    *,
    manifest: str | Path | None = None,
    store: str | Path | None = None,
    weights: str | Path | None = None,
) -> ModelPlaces:
    """Where a Python function finds what it needs; `AqaError` for a pack beside a manifest."""
    moved = None if weights is None else Path(weights)
    if model is None:
        table = workspace.manifest if manifest is None else Path(manifest)
        return ModelPlaces(workspace.runs, table, None if store is None else Path(store), moved)
    if manifest is not None or store is not None:
        raise AqaError("model brings its own manifest and store; leave these out")
    return pack_places(stack, Path(model), moved)

"""Which videos a recipe learns from and is tested on, as splits of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aqa.annotations.columns import as_name
from aqa.annotations.manifest import Manifest, Video
from aqa.models.run_source import RunError
from aqa.workflows.reproduce.declared import SystemRecipe


def in_scope(manifest: Manifest, splits: Sequence[str], recipe: SystemRecipe) -> Manifest:
    """The manifest with the splits that a recipe's scope asks for, in place of its own.

    Where the scope takes actions in turn, each split becomes one split per action; see `Scope`.
    """
    if recipe.scope == "splits":
        return replace_splits(manifest, lambda video: {name: video.splits[name] for name in splits})
    actions = sorted({video.action for video in manifest if video.action})
    if not actions:
        raise RunError(f"{manifest.path}: no video has a value in the column action")
    if recipe.action is not None and recipe.action not in actions:
        raise RunError(f"{manifest.path}: no video of the action {recipe.action}")

    def role(video: Video, name: str, action: str) -> str:
        of_action, given = video.action == action, video.splits[name]
        tested = of_action or recipe.scope == "one action"
        learned = of_action == (recipe.scope in ("each action", "one action"))
        return given if (tested if given == "test" else learned) and video.action else ""

    taken = [recipe.action] if recipe.action else actions
    return replace_splits(
        manifest,
        lambda video: {
            f"{name}-{as_name(action)}": role(video, name, action)
            for name in splits
            for action in taken
        },
    )


def replace_splits(manifest: Manifest, make: Callable[[Video], Mapping[str, str]]) -> Manifest:
    """The manifest with other splits: `make` gives a video's role in each, by name."""
    videos = [replace(video, splits=make(video)) for video in manifest]
    return Manifest(videos, manifest.path, manifest.target)

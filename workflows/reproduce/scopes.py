"""Which videos a recipe learns from and is tested on, as splits of a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aqa.annotations.columns import JUDGE_PREFIX, as_name
from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.numbers import number_of
from aqa.models.run_source import RunError
from aqa.workflows.reproduce.declared import SystemRecipe


def as_learned(manifest: Manifest, recipe: SystemRecipe) -> Manifest:
    """The manifest seen with what a recipe learns: its target, and its columns as judges' marks."""
    if recipe.marks:
        videos = [_marked(video, recipe.marks, manifest) for video in manifest]
        manifest = Manifest(videos, manifest.path, manifest.target)
    return manifest.of_target(recipe.target)


def _marked(video: Video, columns: Sequence[str], manifest: Manifest) -> Video:
    """The video with the numbers of these columns as judges' marks."""
    marks = []
    for column in columns:
        if column not in video.row:
            raise RunError(f"{manifest.path}: no column {column}, which stands for judges' marks")
        mark = number_of(video.row[column])
        if mark is None:
            raise RunError(f"{manifest.path}: video {video.id}: {column} is no number")
        marks.append(mark)
    row = {f"{JUDGE_PREFIX}{k}": video.row[column] for k, column in enumerate(columns, start=1)}
    return replace(video, judges=tuple(marks), row={**video.row, **row})


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

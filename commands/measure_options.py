"""What `aqa measure` measures: videos of the manifest, or files that stand in none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError, UnknownNameError
from aqa.extract.poses.files import SUFFIXES, find_poses


def chosen_or_files(
    names: Sequence[str], table: Path, asked: bool, poses: Path | None, written: Path
) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest at `table`, and the ids; of files, a manifest of these alone, with their joints.

    names: ids, or paths of videos or of files of joints. asked: whether the manifest was named.
    poses: the folder of joints, or a store; None: `written`, where `aqa poses` writes them. Raises
    `AqaError` where a file has no joints, and `UnknownNameError` for what is neither.
    """
    known = Manifest.read(table) if asked or not names or table.exists() else None
    unknown = [name for name in names if known is None or name not in known.by_id]
    if known is not None and not unknown:
        return known, tuple(names)
    if not all(map(_is_a_path, unknown)):
        known = known or Manifest.read(table)
        raise UnknownNameError("video", next(n for n in unknown if not _is_a_path(n)), known.ids)
    if len(unknown) < len(names):
        raise click.UsageError("ids of the manifest, or files; not both")
    paths = list(map(Path, names))
    ids = ids_of_files(paths)
    videos = [_video(one, path, poses, written) for one, path in zip(ids, paths, strict=True)]
    return Manifest(videos, table), ids


def ids_of_files(paths: Sequence[Path]) -> tuple[str, ...]:
    """What videos that stand in no manifest, and their files of joints, are called."""
    named = [Path(os.path.abspath(path)) for path in paths]  # a folder may be told as .
    ids = tuple(path.name if path.is_dir() else path.stem for path in named)
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise click.UsageError(f"two videos called {twice[0]}; their joints would be one file")
    return ids


def _is_a_path(name: str) -> bool:
    return os.path.exists(name) or os.sep in name or Path(name).suffix != ""


def _video(video_id: str, path: Path, poses: Path | None, written: Path) -> Video:
    if not path.exists():
        raise AqaError(f"{path}: no such file, and no id of the manifest")
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        if poses is not None:
            raise click.UsageError(f"{path}: it holds joints itself; leave out --poses {poses}")
        return Video(video_id, None, float("nan"), poses=path)
    video = Video(video_id, path, float("nan"))
    if poses is not None and poses.is_file():
        return video  # a store has them by the id
    folder = poses or written
    joints = find_poses(folder, video_id)
    if not joints.exists():
        out = "" if poses is None else f" --out {poses}"
        raise AqaError(
            f"{path}: no joints of it in {folder}; `aqa poses {path}{out}` estimates them, --poses "
            "names another folder"
        )
    return replace(video, poses=joints)

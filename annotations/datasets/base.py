"""What the importers share: finding files and videos, checking, writing, summing up."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aqa.annotations.datasets import get_importer
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError
from aqa.files import replacing

# The split that a dataset was published with, in every imported manifest.
PUBLISHED = "split_published"
# Annotations of the largest dataset take 2 MB; a far larger file is not one.
MAX_BYTES = 64 * 2**20
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm")

Row = dict[str, object]


@dataclass(frozen=True)
class Request:
    """What an importer is asked for.

    sources: files of the dataset, or folders that hold them. videos: the folder of its videos.
    frames: take this many frames of each action, the last ones. columns: manifest column -> the
    source's own name for it.
    """

    sources: tuple[Path, ...]
    videos: Path | None = None
    frames: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    def find(self, *patterns: str) -> Path:
        """The one source that matches a pattern; `AqaError` where there are none or several."""
        found = self.find_optional(*patterns)
        if found is None:
            where = ", ".join(map(str, self.sources))
            raise AqaError(
                f"{where}: no {' or '.join(patterns)}; "
                "`aqa import NAME` tells which files are needed"
            )
        return found

    def find_optional(self, *patterns: str) -> Path | None:
        """Like `find`, None where there is none."""
        found = self.find_all(*patterns)
        if len(found) > 1:
            raise AqaError(f"several files match: {found[0]}, {found[1]}; name one of them")
        return found[0] if found else None

    def find_all(self, *patterns: str) -> list[Path]:
        """Every source that matches a pattern: given itself, or lying in a folder that is."""
        found: dict[Path, Path] = {}
        for source in self.sources:
            if source.is_dir():
                matches = [path for pattern in patterns for path in sorted(source.glob(pattern))]
            elif source.exists():
                matches = [source] if any(source.match(pattern) for pattern in patterns) else []
            else:
                raise AqaError(f"{source}: no such file or folder")
            found |= {path.resolve(): path for path in matches}
        return list(found.values())


@dataclass(frozen=True)
class Imported:
    """What an importer has read.

    rows: of the manifest, all with the same columns; a path is absolute. source: the file whose
    rows they are, for messages. numbers: its row numbers; None counts from 1. notes: lines for
    the summary. lists: name -> ids, each written beside the manifest as <name>.txt. features:
    backbone -> file of the list `ids`'s features; the summary says how they come in.
    """

    rows: list[Row]
    source: Path
    numbers: Sequence[int] | None = None
    notes: Sequence[str] = ()
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    features: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Importer:
    """One dataset: how it is read, and which fields of `Request` it heeds besides the sources."""

    read: Callable[[Request], Imported]
    takes: tuple[str, ...] = ("videos",)


class Videos:
    """The videos of a dataset below one folder; `folder` None: their places are not known."""

    def __init__(self, folder: Path | None):
        if folder is not None and not folder.is_dir():
            raise AqaError(f"{folder}: no such folder of videos")
        self.folder = folder

    def find(self, *names: str) -> Path | None:
        """The first that exists of `names`: a folder of images, or a file with a video's suffix.

        Where none exists, the place at which the last name would be looked for as an .mp4.
        """
        if self.folder is None:
            return None
        for name in names:
            for path in (self.folder / f"{name}{suffix}" for suffix in ("", *VIDEO_SUFFIXES)):
                if path.exists():
                    return Path(os.path.abspath(path))
        return Path(os.path.abspath(self.folder / f"{names[-1]}.mp4"))


def expect(path: Path, found: int, expected: int, what: str) -> None:
    """Raise `AqaError` where a published count does not come out."""
    if found != expected:
        raise AqaError(
            f"{path}: {found} {what} where {expected} were published; it is another release or "
            "damaged; a part of a dataset comes in with `aqa import csv`"
        )


def expect_range(path: Path, scores: Mapping[str, float], low: float, high: float) -> None:
    """Raise `AqaError` where a score is outside the published range, ends included."""
    for video_id, score in scores.items():
        if not low <= score <= high:
            raise AqaError(
                f"{path}: the score {score} of {video_id} is outside {low:g} to {high:g}, the "
                "published range"
            )


def import_dataset(name: str, request: Request, manifest: Path, force: bool = False) -> list[str]:
    """Write the manifest of a dataset, and give the lines of a summary.

    `AqaError` where the manifest exists already (`force` replaces it), where the dataset's files
    are not what was published, or where an option means nothing to the importer; nothing is
    written then.
    """
    importer = get_importer(name)
    for attribute, option in (
        ("videos", "--videos"),
        ("frames", "--frames"),
        ("columns", "--column"),
    ):
        if getattr(request, attribute) and attribute not in importer.takes:
            raise AqaError(f"{option} means nothing to `aqa import {name}`")
    imported = importer.read(request)
    lists = {manifest.with_name(f"{key}.txt"): ids for key, ids in imported.lists.items()}
    for path in (manifest, *lists):
        if path.exists() and not force:
            raise AqaError(f"{path}: exists already; replace it with --force")
    table = _checked(imported)
    missing = [video.path for video in table if video.path and not video.path.exists()]
    if missing and len(missing) == len(table):
        raise AqaError(f"{request.videos}: holds none of the videos, such as {missing[0]}")
    for path, ids in lists.items():
        with replacing(path) as temporary:
            temporary.write_text("".join(f"{i}\n" for i in ids), encoding="utf-8")
    write_manifest(manifest, [_relative(row, manifest) for row in imported.rows])
    return [
        f"{manifest}: {len(table)} videos of {name}",
        *summary(table),
        *_missing_lines(table, missing),
        *(f"{path}: {len(ids)} ids" for path, ids in lists.items()),
        *imported.notes,
        *(_store_import(file, name, manifest, lists) for name, file in imported.features.items()),
    ]


def _store_import(features: Path, backbone: str, manifest: Path, lists: Iterable[Path]) -> str:
    """The command that brings in features of the rows, with paths as they are from here."""
    store = manifest.parent / "stores" / f"{backbone}.h5"
    options = [text for path in lists for text in (f"--{path.stem}", str(path))]
    command = shlex.join(["aqa", "store", "import", str(features), "--store", str(store), *options])
    return f"features: {command}"


def _checked(imported: Imported) -> Manifest:
    """The rows as a manifest reads them; `ManifestError` naming the source's rows."""
    header = list(imported.rows[0]) if imported.rows else []
    numbers = imported.numbers or range(1, len(imported.rows) + 1)
    rows = [
        (number, ["" if value is None else str(value) for value in row.values()])
        for number, row in zip(numbers, imported.rows, strict=True)
    ]
    return Manifest.parse(imported.source, header, rows)


def _relative(row: Row, manifest: Path) -> Row:
    """The row with its path relative to the manifest, where it lies below."""
    path, folder = row["path"], Path(os.path.abspath(manifest.parent))
    if isinstance(path, Path) and path.is_relative_to(folder):
        return {**row, "path": path.relative_to(folder).as_posix()}
    return row


def summary(table: Manifest) -> list[str]:
    """A manifest in a few lines: scores, splits, kinds of action, what is not given."""
    scores = [video.score for video in table]
    lines = [f"score {min(scores):g} to {max(scores):g}, mean {sum(scores) / len(scores):.2f}"]
    for name in table.split_names:
        split = table.split(name)
        counts = ", ".join(f"{len(split.part(p))} {p}" for p in PARTS if split.part(p))
        lines.append(f"split {name}: {counts or 'empty'}")
    for column in ("action", "type", "event"):
        labels = {getattr(video, column) for video in table} - {None}
        if labels:
            shown = ", ".join(sorted(labels)) if len(labels) < 9 else str(len(labels))
            lines.append(f"{column}: {shown}")
    empty = {
        column: sum(not video.row[column] for video in table)
        for column in table[0].row
        if not column.startswith("split_")
    }
    partly = [f"{column} of {n}" for column, n in empty.items() if 0 < n < len(table)]
    if partly:
        lines.append(f"not given: {', '.join(partly)} videos")
    return lines


def _missing_lines(table: Manifest, missing: Sequence[Path]) -> list[str]:
    if all(video.path is None for video in table):
        return ["no paths, so for imported features only; --videos FOLDER adds them"]
    if missing:
        return [f"missing on disk: {len(missing)} of {len(table)} videos, such as {missing[0]}"]
    return ["every video is on disk"]

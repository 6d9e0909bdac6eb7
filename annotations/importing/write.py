"""From an importer's rows to a manifest on disk, and the summary that is printed."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from aqa.annotations.importing.importer import Imported, Importer, Request, Row
from aqa.annotations.importing.summary import missing_lines, summary_lines
from aqa.annotations.importing.video_folder import is_video
from aqa.annotations.manifest import Manifest, csv_text, write_manifest
from aqa.annotations.pairs import FILE as PAIRS_FILE
from aqa.annotations.split_protocols import make_splits
from aqa.annotations.split_record import write_splits
from aqa.errors import AqaError
from aqa.files import write_text

# The fields of `Request` that only some importers use, and the options that set them.
OPTIONS = {
    "videos": "--videos",
    "last_frames": "--frames",
    "columns": "--column",
    "means": "--column NAME twice",
    "header": "--header",
    "skip_unscored": "--skip-unscored",
}


def import_dataset(
    name: str,
    importer: Importer,
    request: Request,
    manifest: Path,
    force: bool = False,
    split: Mapping[str, str | bool] | None = None,
) -> list[str]:
    """Write the manifest of a dataset, and give the lines of a summary.

    name: what the importer is called on the command line, for messages. split: a split that comes
    as lists of ids, as options of `aqa split lists`: files by part, or of folds. `AqaError` where
    the manifest exists already (`force` replaces it), where the dataset's files are not what was
    published, where an option means nothing to the importer, or where the lists do not fit;
    nothing is written then.
    """
    for attribute, option in OPTIONS.items():
        if getattr(request, attribute) and attribute not in importer.options:
            raise AqaError(f"{option} means nothing to `aqa import {name}`")
    imported = importer.read(request)
    if not isinstance(imported, Imported):
        raise AqaError(f"{name}: its read() gives {type(imported).__name__}, not Imported")
    lists = {manifest.with_name(f"{key}.txt"): ids for key, ids in imported.lists.items()}
    texts = {path: "".join(f"{i}\n" for i in ids) for path, ids in lists.items()}
    if imported.pairs:
        texts[manifest.with_name(PAIRS_FILE)] = csv_text(imported.pairs)
    for path in (manifest, *texts):
        # The manifest is written last: a list as it should be is of an import that was killed.
        if path.exists() and not force and not _holds(path, texts.get(path)):
            raise AqaError(f"{path}: exists already; replace it with --force")
        if path in texts and any(_is_same(path, source) for source in request.sources):
            raise AqaError(f"{path}: it is what is imported; rename it, or see --manifest")
    table = _checked(imported)
    missing = [video.path for video in table if video.path and not is_video(video.path)]
    if missing and len(missing) == len(table):
        raise AqaError(f"{request.videos}: holds none of the videos, such as {missing[0]}")
    drawn = make_splits(table, "lists", split) if split else None
    for path, text in texts.items():
        write_text(path, text)
    write_manifest(manifest, [_relative(row, manifest) for row in imported.rows], new=not force)
    if drawn is not None:
        write_splits(manifest, drawn, force)
        table = Manifest.read(manifest)
    return [
        f"{manifest}: {len(table)} videos of {name}",
        *summary_lines(table),
        *missing_lines(table, missing),
        *(f"{path}: {len(ids)} ids" for path, ids in lists.items()),
        *_pair_lines(imported, manifest),
        *imported.notes,
        *(_store_import(file, name, manifest, lists) for name, file in imported.features.items()),
    ]


def _is_same(path: Path, other: Path) -> bool:
    """Whether both paths lead to one file that exists."""
    return path.exists() and other.exists() and os.path.samefile(path, other)


def _holds(path: Path, text: str | None) -> bool:
    """Whether a file holds this text."""
    try:
        return text is not None and path.read_bytes() == text.encode("utf-8")
    except OSError:
        return False


def _pair_lines(imported: Imported, manifest: Path) -> list[str]:
    """What is told of the pairs, and how a head learns them."""
    if not imported.pairs:
        return []
    return [
        f"{manifest.with_name(PAIRS_FILE)}: {len(imported.pairs)} pairs; learn them with "
        "`aqa fit --target pairs`"
    ]


def _store_import(features: Path, backbone: str, manifest: Path, lists: Iterable[Path]) -> str:
    """The command that imports features of the rows, its paths as seen from the current folder.

    It stands on several lines, as a shell takes it, so that it can be copied.
    """
    store = manifest.parent / "stores" / f"{backbone}.h5"
    options = [["--store", store], *([f"--{path.stem}", path] for path in lists)]
    words = [["aqa", "store", "import", features], *options]
    lines = [shlex.join(map(str, line)) for line in words]
    return "features: import them with\n  " + " \\\n    ".join(lines)


def _checked(imported: Imported) -> Manifest:
    """The rows as a manifest reads them; `ManifestError` naming the source's rows."""
    header = list(imported.rows[0]) if imported.rows else []
    numbers = imported.numbers or range(1, len(imported.rows) + 1)
    rows = [
        (number, ["" if value is None else str(value) for value in row.values()])
        for number, row in zip(numbers, imported.rows, strict=True)
    ]
    return Manifest.parse(imported.source, header, rows, scored=not imported.pairs)


def _relative(row: Row, manifest: Path) -> Row:
    """The row with its path relative to the manifest, where it lies below."""
    path, folder = row["path"], Path(os.path.abspath(manifest.parent))
    if isinstance(path, Path) and path.is_relative_to(folder):
        return {**row, "path": path.relative_to(folder).as_posix()}
    return row

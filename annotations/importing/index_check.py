"""`aqa import NAME --check`: which files are missing, damaged or of another release."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aqa.annotations.importing.importer import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    SourceFile,
    Version,
)
from aqa.annotations.importing.video_folder import is_video
from aqa.annotations.splits import PARTS
from aqa.errors import AqaError
from aqa.files import sha256_of

_MISSING = "missing"


@dataclass(frozen=True)
class Finding:
    """What was found of one file, of the videos, or of what was read.

    what: a path, or the pattern of a file that is missing. words: its state. is_wrong: whether it
    is missing, damaged, or not what was published.
    """

    what: str
    words: str
    is_wrong: bool = False


def check_dataset(importer: Importer, request: Request) -> list[Finding]:
    """Check every file of the index, read the dataset, count it, and look for its videos.

    Nothing is written; nothing is read where a file is missing that is needed.
    """
    findings = [finding for file in importer.files for finding in check_file(file, request)]
    if any(finding.words == _MISSING for finding in findings):
        return findings
    try:
        imported = importer.read(request)
    except AqaError as error:
        return [*findings, Finding("reading", str(error), is_wrong=True)]
    return [*findings, *check_counts(importer, imported), *_videos(imported, request)]


def check_file(file: SourceFile, request: Request) -> list[Finding]:
    """What is found of one file of an index; several where its pattern matches several."""
    found = request.find_all(*file.places)
    if not found and file.optional:
        return [Finding(file.pattern, "not there; the import does without it")]
    if not found:
        return [Finding(file.pattern, _MISSING, is_wrong=True)]
    return [_check_version(path, file.versions) for path in found]


def check_counts(importer: Importer, imported: Imported) -> Iterator[Finding]:
    """Whether there are as many videos, and in each part of the split, as were published.

    Other counts, such as of subjects, are only told.
    """
    parts = [row.get(PUBLISHED) for row in imported.rows]
    for what, published in (imported.counts or importer.counts).items():
        if what not in ("videos", *PARTS):
            continue
        n = len(parts) if what == "videos" else parts.count(what)
        words = f"{n}, as published" if n == published else f"{n}; {published} were published"
        yield Finding(what, words, is_wrong=n != published)


def _check_version(path: Path, versions: tuple[Version, ...]) -> Finding:
    size = path.stat().st_size
    if not versions:
        return Finding(str(path), f"{size} bytes; the published size is not known")
    same_size = [version for version in versions if version.size == size]
    if not same_size:
        sizes = " or ".join(str(version.size) for version in versions)
        words = f"{size} bytes; {sizes} were published: damaged, or another release"
        return Finding(str(path), words, is_wrong=True)
    digest = sha256_of(path) if any(version.sha256 for version in same_size) else ""
    for version in same_size:
        release = f" ({version.release})" if version.release else ""
        if not version.sha256:
            return Finding(str(path), f"{size} bytes, as published; no checksum known{release}")
        if version.sha256 == digest:
            return Finding(str(path), f"as published, size and checksum{release}")
    return Finding(
        str(path),
        f"SHA-256 {digest}, not that of the published {size} bytes: damaged, or another release",
        is_wrong=True,
    )


def _videos(imported: Imported, request: Request) -> Iterator[Finding]:
    """Whether the videos of the rows are on disk; every missing one is named."""
    if request.videos is None:
        yield Finding("videos on disk", "not looked for; --videos FOLDER does")
        return
    paths = dict.fromkeys(path for row in imported.rows if isinstance(path := row["path"], Path))
    missing = [path for path in paths if not is_video(path)]
    words = f"{len(paths) - len(missing)} of {len(paths)} files or folders"
    yield Finding("videos on disk", words, is_wrong=bool(missing))
    for path in missing:
        yield Finding(str(path), _MISSING, is_wrong=True)

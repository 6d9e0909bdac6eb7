"""The contract of an importer: what `aqa import` and all that reads its manifest rely on."""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from aqa.annotations.columns import REQUIRED
from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Imported, Importer, Request, Row, SourceFile
from aqa.annotations.importing.index_check import check_counts, check_file
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.target_names import SCORE

_SHA256 = re.compile(r"[0-9a-f]{64}")


def check_importer(
    importer: str | Path | Importer,
    *sources: str | Path,
    videos: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
) -> None:
    """Raise `AssertionError`, saying what is wrong, for an importer that breaks the contract.

    importer: a name, path/to/mine.py or path/to/mine.py:NAME, as `aqa import` takes it, or an
    `Importer`. sources, videos, columns: the dataset's files, as `aqa import` takes them.

    Checked are its record (the module's title, citation, address, index of files, counts), and
    that an empty folder is refused with an `AqaError`. With sources also: that their files fit the
    index; that they are read twice alike, into rows that a manifest can hold, as many as were
    published; that the manifest is written, with nothing else changed, and that its columns
    `score_<name>` are numbers, their names in lower case; and that a file which is cut short is
    read or refused in one line, without any other exception.
    """
    if not isinstance(importer, Importer):
        try:
            importer = find_importer(str(importer)).importer
        except AqaError as error:
            raise AssertionError(str(error)) from error
    _check_record(importer)
    with tempfile.TemporaryDirectory() as folder:
        _check_empty(importer, Path(folder))
    if sources:
        request = Request(
            tuple(map(Path, sources)),
            videos=Path(videos) if videos else None,
            columns=dict(columns or {}),
        )
        _check_files(importer, request)
        _check_rows(importer, request)
        with tempfile.TemporaryDirectory() as folder:
            _check_written(importer, request, Path(folder))
        _check_cut(importer, request)


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise AssertionError(otherwise)


def _check_record(importer: Importer) -> None:
    title = (importlib.import_module(importer.read.__module__).__doc__ or "").partition("\n")[0]
    _require(bool(title.strip()), "its module has no docstring; the first line is its title")
    _require(bool(importer.citation.strip()), "citation is empty: a key of `aqa papers`, or words")
    _require(bool(importer.origin.strip()), "origin is empty: the address, or `not known`")
    _require(bool(importer.files), "files is empty: list what SOURCE holds")
    patterns = [file.pattern for file in importer.files]
    _require(len(set(patterns)) == len(patterns), f"files: a pattern is there twice: {patterns}")
    for file in importer.files:
        _check_index(file)
    fields = {field.name for field in dataclasses.fields(Request)} - {"sources"}
    unknown = set(importer.options) - fields
    _require(not unknown, f"options: {unknown} are no fields of Request: {sorted(fields)}")
    for what, n in importer.counts.items():
        _require(n > 0, f"counts: {n} {what}")


def _check_index(file: SourceFile) -> None:
    _require(bool(file.pattern and file.holds), f"files: {file} says not what it holds")
    for version in file.versions:
        _require(version.size > 0, f"{file.pattern}: a version of {version.size} bytes")
        _require(
            not version.sha256 or bool(_SHA256.fullmatch(version.sha256)),
            f"{file.pattern}: {version.sha256!r} is no SHA-256 in 64 lower-case hex digits",
        )


def _check_empty(importer: Importer, folder: Path) -> None:
    """That a folder without the files is refused, as such."""
    try:
        importer.read(Request((folder,)))
    except AqaError:
        return
    except Exception as error:
        raise AssertionError(f"an empty folder: raises {error!r}, not AqaError") from error
    raise AssertionError("an empty folder is read as a dataset; use request.find()")


def _check_files(importer: Importer, request: Request) -> None:
    for file in importer.files:
        for finding in check_file(file, request):
            _require(not finding.is_wrong, f"{finding.what}: {finding.words}")


def _read(importer: Importer, request: Request) -> Imported:
    try:
        imported = importer.read(request)
    except AqaError as error:
        raise AssertionError(f"it refuses its own files: {error}") from error
    _require(isinstance(imported, Imported), f"read() gives {type(imported)}, not Imported")
    return imported


def _check_rows(importer: Importer, request: Request) -> None:
    imported = _read(importer, request)
    again = _read(importer, request)
    _require(imported.rows == again.rows, "two reads of the same files give different rows")
    _require(bool(imported.rows), "it gives no rows")
    _check_columns(imported.rows, scored=not imported.pairs)
    for finding in check_counts(importer, imported):
        _require(not finding.is_wrong, f"{finding.what}: {finding.words}")


def _check_columns(rows: Sequence[Row], scored: bool) -> None:
    columns = list(rows[0])
    missing = [n for n in REQUIRED if n not in columns and (scored or n != SCORE)]
    _require(not missing, f"its rows have no {', '.join(missing)}")
    for number, row in enumerate(rows, start=1):
        _require(list(row) == columns, f"row {number} has other columns than row 1: {list(row)}")
        path = row["path"]
        _require(
            path is None or (isinstance(path, Path) and path.is_absolute()),
            f"row {number}: path is {path!r}, neither an absolute Path nor None",
        )


def _check_written(importer: Importer, request: Request, folder: Path) -> None:
    """That the manifest is written and read again as the rows say."""
    manifest = folder / "manifest.csv"
    rows = _read(importer, dataclasses.replace(request, videos=None)).rows
    try:
        import_dataset("it", importer, dataclasses.replace(request, videos=None), manifest)
        table = Manifest.read(manifest)
        for target in table.targets:
            table.of_target(target)
    except AqaError as error:
        raise AssertionError(f"its rows make no manifest: {error}") from error
    large = [target for target in table.targets if target != target.lower()]
    _require(not large, f"columns score_<name> are in lower case: {large}")
    expected = ["" if row["video_id"] is None else str(row["video_id"]) for row in rows]
    _require(list(table.ids) == expected, "the manifest has other ids than its rows")


def _check_cut(importer: Importer, request: Request) -> None:
    """That no damaged file makes it raise anything but `AqaError`, in one line."""
    places = dict.fromkeys(p for file in importer.files for p in request.find_all(*file.places))
    with tempfile.TemporaryDirectory() as folder:
        copies = {path: Path(folder) / _below(path, request) for path in places}
        for path, copy in copies.items():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        for cut, copy in copies.items():
            os.truncate(copy, cut.stat().st_size // 2)
            try:
                importer.read(dataclasses.replace(request, sources=(Path(folder),)))
            except AqaError as error:
                words = str(error)
                _require("\n" not in words, f"{cut.name}, cut short: more than a line: {words}")
            except Exception as error:
                raise AssertionError(
                    f"{cut.name}, cut short: raises {error!r}, not AqaError"
                ) from error
            shutil.copyfile(cut, copy)


def _below(path: Path, request: Request) -> Path:
    """Where a file lies below its source."""
    for source in request.sources:
        if source.is_dir() and path.is_relative_to(source):
            return path.relative_to(source)
    return Path(path.name)

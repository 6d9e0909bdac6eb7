"""`aqa import`: the annotations of a dataset, from its authors' files into a manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import FILE, FOLDER, manifest_option, workspace_option
from aqa.errors import AqaError
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.datasets import FoundImporter
    from aqa.annotations.importing import Request, SourceFile


@click.command(name="import", short_help="Write the manifest of a published dataset.")
@workspace_option
@click.argument("name", required=False, metavar="[NAME]")
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE]...")
@click.option(
    "--videos", type=FOLDER, help="Folder of the dataset's videos, or of folders of frames."
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    help="mtl-aqa: keep only this many frames of each dive, the last ones; the papers take 103.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=COLUMN",
    help="csv: the manifest's column NAME is the table's COLUMN, its name or, where it has none, "
    "its number. May be repeated; with the same NAME it is the mean of these columns.",
)
@click.option(
    "--header",
    metavar="NAME,...",
    help="csv: the names of the columns of a table without a header.",
)
@click.option("--skip-unscored", is_flag=True, help="csv: leave out rows without a score.")
@click.option("--train", type=FILE, help="List of the ids to train on, for a split called lists.")
@click.option("--val", type=FILE, help="List of the ids held out for validation.")
@click.option("--test", type=FILE, help="List of the ids to test on.")
@click.option("--folds", type=FILE, help="Folds, .json or .pkl, in place of these lists.")
@click.option("--skip-unknown", is_flag=True, help="Leave out listed ids of no video.")
@manifest_option
@click.option("--force", is_flag=True, help="Replace a manifest that exists.")
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; list which files of SOURCE (default: this folder) are missing or damaged.",
)
@click.pass_obj
def import_(
    workspace: Workspace,
    name: str | None,
    sources: tuple[Path, ...],
    videos: Path | None,
    frames: int | None,
    columns: tuple[str, ...],
    header: str | None,
    skip_unscored: bool,
    train: Path | None,
    val: Path | None,
    test: Path | None,
    folds: Path | None,
    skip_unknown: bool,
    manifest: Path | None,
    force: bool,
    check: bool,
) -> None:
    """Write the manifest of dataset NAME from the files that its authors publish.

    Without NAME, lists the datasets; without SOURCE, tells what NAME needs, where that is
    published, and how large it is. SOURCE is one of these files, or a folder that holds them.

    NAME may also be a Python file of yours, path/to/mine.py or path/to/mine.py:NAME, which holds
    an importer; that file is run.

    What is read is checked against the published counts and ranges. Pickles are read as data:
    nothing in them is executed. A split that comes as lists of ids, --train and --test, or as
    --folds, goes into the manifest too, as `aqa split lists` takes it.
    """
    from aqa.annotations.datasets import find_importer

    if name is None:
        _list()
        return
    entry = find_importer(name)
    if not sources and not check:
        _describe(entry)
        return
    from aqa.annotations.importing.importer import Request
    from aqa.annotations.importing.write import import_dataset
    from aqa.report.tables import wrapped

    files = {"train": train, "val": val, "test": test, "folds": folds}
    lists: dict[str, str | bool] = {part: str(path) for part, path in files.items() if path}
    if check and lists:
        raise click.UsageError("--check writes nothing, so it takes no lists of ids")
    if skip_unknown:
        lists["skip_unknown"] = True
    wanted: dict[str, list[str]] = {}
    for column_name, column in map(_mapping, columns):
        wanted.setdefault(column_name, []).append(column)
    request = Request(
        sources or (Path(),),
        videos,
        frames,
        {name: named[0] for name, named in wanted.items() if len(named) == 1},
        tuple(part.strip() for part in header.split(",")) if header else (),
        skip_unscored,
        {name: named for name, named in wanted.items() if len(named) > 1},
    )
    if check:
        _check(entry, request)
        return
    where = manifest or workspace.manifest
    for line in import_dataset(name, entry.importer, request, where, force, lists):
        click.echo(wrapped(line, indent="  "))


def _list() -> None:
    """Print the names of the importers; none of them is imported."""
    from aqa.annotations.datasets import importer_titles
    from aqa.report.tables import table, wrapped

    click.echo(table([[*item] for item in importer_titles().items()], left=2))
    click.echo(wrapped("\n`aqa import NAME` lists the files that a dataset needs."))


def _describe(entry: FoundImporter) -> None:
    """Print what an importer reads, and where its files come from."""
    from aqa.annotations.importing.write import OPTIONS
    from aqa.papers import PAPERS
    from aqa.report.tables import table, wrapped

    importer = entry.importer
    title, _, remarks = entry.words.strip().partition("\n")
    click.echo(wrapped(f"{entry.name}: {title}"))
    paper = PAPERS.get(importer.citation)
    facts = {
        "cite": f"{importer.citation}: {paper}" if paper else importer.citation,
        "published": importer.origin,
        "holds": ", ".join(f"{n} {what}" for what, n in importer.counts.items()),
        "videos": importer.videos,
        "tried on": importer.tried,
        "code": f"{entry.origin.name}, sha256 {(entry.origin.sha256 or 'unknown')[:12]}"
        if entry.origin
        else "",
    }
    for title, text in facts.items():
        if text:
            click.echo(wrapped(f"{title}: {text}", indent="  "))
    if importer.files:
        click.echo("\nSOURCE: a folder with these files, or the files")
    for file in importer.files:
        words = f"{_sizes(file)}: {file.holds}{' (optional)' if file.optional else ''}"
        click.echo(f"  {file.pattern}\n{wrapped(f'      {words}')}")
    rows = [[OPTIONS.get(name, name), text] for name, text in importer.options.items()]
    if rows:
        click.echo(f"\n{table(rows, left=2)}")
    if remarks.strip():
        click.echo(f"\n{wrapped(' '.join(remarks.split()))}")


def _sizes(file: SourceFile) -> str:
    """The published sizes of a file, in bytes."""
    sizes = " or ".join(f"{version.size:,}" for version in file.versions)
    return f"{sizes} bytes" if sizes else "size not known"


def _check(entry: FoundImporter, request: Request) -> None:
    """Print the state of every file of a dataset; an error if one is missing or damaged."""
    from aqa.annotations.importing.index_check import check_dataset
    from aqa.report.tables import terminal_width, wrapped

    findings = check_dataset(entry.importer, request)
    for finding in findings:
        mark = "WRONG " if finding.is_wrong else "ok    "
        line = f"{mark} {finding.what}: {finding.words}"
        if len(line) > terminal_width():
            line = f"{mark} {finding.what}:\n{wrapped(' ' * 10 + finding.words)}"
        click.echo(line)
    if wrong := sum(finding.is_wrong for finding in findings):
        raise AqaError(f"{entry.name}: {wrong} of {len(findings)} checks failed")


def _mapping(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise click.BadParameter(f"{text!r} is not NAME=COLUMN", param_hint="--column")
    return name, column


COMMAND = import_

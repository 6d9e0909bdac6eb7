"""`aqa import`: a published dataset's annotations into a manifest."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.annotations.datasets import importer_names
from aqa.commands.options import FOLDER, NameChoice, manifest_option, workspace_option
from aqa.workspace import Workspace


@click.command(name="import", short_help="Write the manifest of a published dataset.")
@workspace_option
@click.argument(
    "name",
    required=False,
    type=NameChoice("dataset", importer_names()),
    metavar="[NAME]",
)
@click.argument("sources", nargs=-1, type=click.Path(path_type=Path), metavar="[SOURCE]...")
@click.option(
    "--videos", type=FOLDER, help="Where the dataset's videos, or folders of frames, lie."
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    help="mtl-aqa: the last so many frames of each action; the papers take 103.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="NAME=COLUMN",
    help="csv: the table's COLUMN is the manifest's NAME.",
)
@manifest_option
@click.option("--force", is_flag=True, help="Replace a manifest that is there.")
@click.pass_obj
def import_(
    workspace: Workspace,
    name: str | None,
    sources: tuple[Path, ...],
    videos: Path | None,
    frames: int | None,
    columns: tuple[str, ...],
    manifest: Path | None,
    force: bool,
) -> None:
    """Write the manifest of dataset NAME from the files that its authors publish.

    SOURCE is a folder of them, or a file; without a SOURCE, says which are needed. What is read is
    checked against the published counts and ranges; pickles are read as data, never executed.
    """
    if name is None or not sources:
        for one in (name,) if name else importer_names():
            _describe(one)
        return
    from aqa.annotations.datasets.base import Request, import_dataset

    request = Request(sources, videos, frames, dict(_mapping(text) for text in columns))
    for line in import_dataset(name, request, manifest or workspace.manifest, force):
        click.echo(line)


def _describe(name: str) -> None:
    """Print the importer's own words on its dataset and files."""
    import inspect
    import sys

    from aqa.annotations.datasets import get_importer

    module = sys.modules[get_importer(name).read.__module__]
    click.echo(f"{name}: {inspect.getdoc(module)}\n")


def _mapping(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not (name and equals and column):
        raise click.BadParameter(f"{text!r} is not NAME=COLUMN", param_hint="--column")
    return name, column


COMMAND = import_

"""`aqa reproduce`: the published tables, with what is measured beside what is printed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import (
    FILE,
    device_option,
    json_option,
    open_store,
    seed_option,
    typed_command,
    workspace_option,
)
from aqa.errors import AqaError
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.reproduce.cells import Reproduction
    from aqa.workflows.reproduce.declared import PublishedTable


@click.command(short_help="Run a published table and print its figures beside ours.")
@workspace_option
@click.argument("table", required=False)
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="List what TABLE needs, or all tables, and run nothing.",
)
@click.option(
    "--system",
    "systems",
    multiple=True,
    help="System to run, named as in the table; may be repeated [default: all].",
)
@seed_option
@click.option(
    "--from",
    "origin",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Workspace of the data on which models are fitted that the table goes on from, such as "
    "the dives of jain2020-6.",
)
@click.option("--all", "every", is_flag=True, help="Run every table.")
@click.option(
    "--stand-in",
    is_flag=True,
    help="Rehearse on drawn features, and drawn labels where the workspace has not the dataset's.",
)
@click.option(
    "--stand-in-store",
    type=FILE,
    help="Rehearse on this store of other videos, over the manifest's own splits.",
)
@click.option(
    "--end-to-end",
    is_flag=True,
    help="Train the systems that the paper trained end to end with their backbones, from the "
    "videos, by the paper's schedule; hours on a GPU.",
)
@click.option(
    "--backbone",
    metavar="NAME",
    help="With --end-to-end, a rehearsal: train this backbone, which comes with its weights (such "
    "as tiny3d), over the manifest's own splits.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    help="With --end-to-end, a rehearsal: train for so many epochs [default: the paper's].",
)
@device_option
@click.option("--output", type=FILE, help="CSV to write [default: runs/reproduce/TABLE.csv].")
@json_option
@click.pass_obj
def reproduce(
    workspace: Workspace,
    table: str | None,
    listing: bool,
    systems: tuple[str, ...],
    seed: int,
    origin: Path | None,
    every: bool,
    stand_in: bool,
    stand_in_store: Path | None,
    end_to_end: bool,
    backbone: str | None,
    epochs: int | None,
    device: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Run TABLE, such as jain2020-2, and print what is measured beside what the paper printed.

    The workspace holds the dataset: its manifest with the paper's splits, and its stores. The rest
    of the table is run where something is missing, and the command that makes it is printed. What
    was fitted before is not fitted again. With --end-to-end, backbones are trained too, as
    li2018end, li2018scoringnet and farabi2021 do. Without TABLE, lists all tables; `aqa papers`
    tells what jain2020 and its like stand for.

    With --stand-in no data is needed: every recipe is run from start to end on numbers that are
    drawn, quickly and on few splits. What it prints are no measurements.
    """
    from aqa.report.reproduction import needs_of, overview, reproduction_table
    from aqa.workflows.reproduce.tables import TABLES, get_table

    if table is not None and every:
        raise click.UsageError(f"--all runs every table; leave out {table}")
    if every and (systems or output):
        raise click.UsageError("--system and --output are of one table; leave out --all")
    if output and output.suffix.lower() in (".json", ".md", ".html"):
        raise click.UsageError(f"--output {output}: name the CSV; that file is written beside it")
    if stand_in and stand_in_store:
        raise click.UsageError("--stand-in draws features; leave it out, or --stand-in-store")
    if origin and stand_in:
        raise click.UsageError("--stand-in draws the data of --from too; leave out one of them")
    if (backbone or epochs) and not end_to_end:
        raise click.UsageError("--backbone and --epochs are for --end-to-end; give that too")
    if end_to_end:
        if table is None or every or stand_in or stand_in_store or origin:
            raise click.UsageError(
                "--end-to-end trains the systems of one TABLE from its videos; rehearse it with "
                "--backbone and --epochs"
            )
        rehearsed = backbone, epochs
        _end_to_end(table, workspace, seed, systems, rehearsed, device, listing, output, as_json)
        return
    if table is None and not every:
        if stand_in or stand_in_store:
            raise click.UsageError("name a TABLE to rehearse, or --all")
        click.echo(overview(workspace))
        return
    chosen = list(TABLES.values()) if every else [get_table(str(table))]
    if origin and not any(one.origin for one in chosen):
        raise click.UsageError(f"{table} goes on from models of no other table; leave out --from")
    if listing:
        click.echo("\n\n".join(needs_of(one, workspace) for one in chosen))
        return
    with open_store(stand_in_store) as store, TemporaryDirectory() as folder:
        request = _Request(
            workspace, systems, seed, origin, store, Path(folder) if stand_in else None
        )
        found = []
        for one in chosen:
            try:
                found.append(request.run(one))
            except AqaError as error:
                if not every:
                    raise
                click.echo(f"not run: {one.name}: {error}", err=True)
                continue
            if not as_json:
                click.echo(("\n" if len(found) > 1 else "") + reproduction_table(found[-1]))
            path = output or workspace.runs / "reproduce" / f"{request.label(one)}.csv"
            _write(found[-1], path)
    if as_json:
        said = [reproduction.to_dict() for reproduction in found]
        click.echo(json.dumps(said if every else said[0], indent=1))
    measured = [one for one in found if any(cell.measured for cell in one.cells)]
    if len(measured) < len(chosen):
        sys.exit(1)


@dataclass(frozen=True)
class _Request:
    """What was asked for, whatever the table. drawn: the folder for drawn features, if any."""

    workspace: Workspace
    systems: tuple[str, ...]
    seed: int
    origin: Path | None
    store: Any
    drawn: Path | None

    def label(self, table: PublishedTable) -> str:
        """What files about the table are called."""
        return f"stand-in-{table.name}" if self.drawn or self.store else table.name

    def run(self, table: PublishedTable) -> Reproduction:
        """Run or rehearse the table."""
        from aqa.workflows.reproduce.run import reproduce as run
        from aqa.workflows.reproduce.stand_in.rehearsal import rehearse
        from aqa.workflows.reproduce.tables import get_table

        common: dict[str, Any] = {"seed": self.seed, "systems": self.systems, "tell": _tell}
        if self.drawn is not None:
            return rehearse(table, self.drawn, self.workspace, **common)
        origin = None
        if self.origin is not None and table.origin:
            origin = (get_table(table.origin), Workspace(self.origin))
        return run(table, self.workspace, stand_in=self.store, origin=origin, **common)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _write(reproduction: Reproduction, path: Path) -> None:
    """Write a table as CSV, JSON, Markdown and a page, and say so, and what was not run."""
    from aqa.files import write_json, write_rows, write_text
    from aqa.report.reproduction_page import reproduction_markdown, reproduction_page

    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, [cell.to_dict() for cell in reproduction.cells])
    write_json(path.with_suffix(".json"), reproduction.to_dict())
    command = typed_command()
    write_text(path.with_suffix(".md"), reproduction_markdown(reproduction, command))
    write_text(path.with_suffix(".html"), reproduction_page(reproduction, command))
    _tell(f"written to {path}, .json, .md and .html")
    for line in reproduction.failed:
        _tell(f"not run: {line}")


def _end_to_end(
    name: str,
    workspace: Workspace,
    seed: int,
    systems: tuple[str, ...],
    rehearsed: tuple[str | None, int | None],
    device: str,
    listing: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Train the systems of a table end to end, and print them; or list what that needs."""
    from aqa.extract.progress import ExtractionBar
    from aqa.models.training.distributed import join_processes
    from aqa.report.reproduction import end_to_end_needs_of, reproduction_table
    from aqa.workflows.finetune.progress import training_lines
    from aqa.workflows.reproduce.end_to_end.recipe import Rehearsal
    from aqa.workflows.reproduce.end_to_end.run import reproduce_end_to_end
    from aqa.workflows.reproduce.tables import get_table

    table = get_table(name)
    if listing:
        click.echo(end_to_end_needs_of(table, workspace))
        return
    with join_processes(device) as group:
        reproduction = reproduce_end_to_end(
            table,
            workspace,
            group,
            seed=seed,
            systems=systems,
            rehearsal=Rehearsal(*rehearsed),
            tell=_tell,
            progress=training_lines(quiet=False),
            extraction=ExtractionBar(quiet=False),
        )
    if as_json:
        click.echo(json.dumps(reproduction.to_dict(), indent=1))
    else:
        click.echo(reproduction_table(reproduction))
    _write(reproduction, output or workspace.runs / "reproduce" / f"{name}-end-to-end.csv")
    if not any(cell.measured for cell in reproduction.cells):
        sys.exit(1)


COMMAND = reproduce

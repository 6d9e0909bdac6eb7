"""`aqa reproduce`: the published tables, with what is measured beside what is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import (
    FILE,
    device_option,
    json_option,
    open_store,
    seed_option,
    workspace_option,
)
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
    "--stand-in",
    type=FILE,
    help="Rehearse: run every recipe on this store of other videos, over the manifest's own "
    "splits.",
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
    stand_in: Path | None,
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
    """
    from aqa.report.reproduction import end_to_end_needs_of, needs_of, overview
    from aqa.workflows.reproduce.run import reproduce as run
    from aqa.workflows.reproduce.tables import get_table

    if table is None:
        click.echo(overview(workspace))
        return
    declared = get_table(table)
    if (backbone or epochs) and not end_to_end:
        raise click.UsageError("--backbone and --epochs are for --end-to-end; give that too")
    if listing:
        needed = end_to_end_needs_of if end_to_end else needs_of
        click.echo(needed(declared, workspace))
        return
    path = output or workspace.runs / "reproduce" / f"{table}{'-end-to-end' * end_to_end}.csv"
    if end_to_end:
        if stand_in:
            raise click.UsageError("--stand-in is for features; rehearse a training by --backbone")
        rehearsed = backbone, epochs
        _show(_trained(declared, workspace, seed, systems, rehearsed, device), path, as_json)
        return
    with open_store(stand_in) as store:
        reproduction = run(
            declared,
            workspace,
            seed=seed,
            systems=systems,
            stand_in=store,
            tell=_tell,
        )
    _show(reproduction, path, as_json)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _trained(
    table: PublishedTable,
    workspace: Workspace,
    seed: int,
    systems: tuple[str, ...],
    rehearsed: tuple[str | None, int | None],
    device: str,
) -> Reproduction:
    """The table with systems trained end to end."""
    from aqa.extract.progress import ExtractionBar
    from aqa.models.training.distributed import join_processes
    from aqa.workflows.finetune.progress import training_lines
    from aqa.workflows.reproduce.end_to_end.recipe import Rehearsal
    from aqa.workflows.reproduce.end_to_end.run import reproduce_end_to_end

    with join_processes(device) as group:
        return reproduce_end_to_end(
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


def _show(reproduction: Reproduction, path: Path, as_json: bool) -> None:
    """Write and print a reproduction; exit code 1 where nothing of it could be measured."""
    from aqa.files import write_json, write_rows
    from aqa.report.reproduction import reproduction_table

    path.parent.mkdir(parents=True, exist_ok=True)
    write_rows(path, [cell.to_dict() for cell in reproduction.cells])
    write_json(path.with_suffix(".json"), reproduction.to_dict())
    click.echo(
        json.dumps(reproduction.to_dict(), indent=1)
        if as_json
        else reproduction_table(reproduction)
    )
    click.echo(f"written to {path} and .json", err=True)
    for line in reproduction.failed:
        click.echo(f"not run: {line}", err=True)
    if not any(cell.measured for cell in reproduction.cells):
        sys.exit(1)


COMMAND = reproduce

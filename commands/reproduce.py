"""`aqa reproduce`: the published tables, with what is measured beside what is printed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    json_option,
    open_store,
    seed_option,
    workspace_option,
)
from aqa.workspace import Workspace


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
    output: Path | None,
    as_json: bool,
) -> None:
    """Run TABLE, such as jain2020-2, and print what is measured beside what the paper printed.

    The workspace holds the dataset: its manifest with the paper's splits, and its stores. The rest
    of the table is run where something is missing, and the command that makes it is printed. What
    was fitted before is not fitted again. Without TABLE, lists all tables; `aqa papers` tells what
    jain2020 and its like stand for.
    """
    from aqa.files import write_json, write_rows
    from aqa.report.reproduction import needs_of, overview, reproduction_table
    from aqa.workflows.reproduce.run import reproduce as run
    from aqa.workflows.reproduce.tables import get_table

    if table is None:
        click.echo(overview(workspace))
        return
    declared = get_table(table)
    if listing:
        click.echo(needs_of(declared, workspace))
        return
    with open_store(stand_in) as store:
        reproduction = run(
            declared,
            workspace,
            seed=seed,
            systems=systems,
            stand_in=store,
            tell=lambda line: click.echo(line, err=True),
        )
    path = output or workspace.runs / "reproduce" / f"{table}.csv"
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

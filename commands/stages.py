"""`aqa stages`: from posteriors of frames to the first frames of stages."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import FILE, json_option, workspace_option
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.argument("posteriors", type=FILE)
@click.option("--ids", type=FILE, help="Ids of the videos of one joint array, one a line.")
@click.option(
    "--stages",
    "names",
    metavar="NAME,...",
    help="Stages after the first column's, the time before [default: the manifest's].",
)
@click.option("--output", type=FILE, help="CSV to write [default: stages.csv].")
@click.option("--manifest", type=FILE, help="Table with hand labels to evaluate by, if any.")
@json_option
@click.pass_obj
def stages(
    workspace: Workspace,
    posteriors: Path,
    ids: Path | None,
    names: str | None,
    output: Path | None,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Turn POSTERIORS of frames into the first frame of each stage.

    POSTERIORS is a .npz of one (frames, stages) array an id, or one (videos, frames, stages)
    array with --ids; row k is frame k. The stages keep their order and are one run each. The CSV
    has the manifest's columns stage_<name>; with --manifest its hand labels judge them.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.features.arrays import read_arrays, read_ids
    from aqa.models.runs import write_rows
    from aqa.report.result_tables import results_table
    from aqa.workflows.stages import segment

    found = segment(
        posteriors,
        read_arrays(posteriors, read_ids(ids) if ids else None),
        [name.strip() for name in names.split(",")] if names else [],
        Manifest.read(manifest) if manifest else None,
    )
    written = output or workspace.root / "stages.csv"
    write_rows(written, found.rows)
    if as_json:
        click.echo(json.dumps({"stages": found.rows, "results": found.results}, indent=1))
    elif found.results:
        click.echo(results_table(found.results))
    click.echo(f"{len(found.rows)} videos written to {written}", err=True)


COMMAND = stages

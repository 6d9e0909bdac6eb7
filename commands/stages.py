"""`aqa stages`: from the probabilities of stages in every frame to the frames where they start."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import FILE, json_option, workspace_option
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.argument("probabilities", type=FILE)
@click.option(
    "--ids", type=FILE, help="Text file with the videos' ids, one per line, for a single array."
)
@click.option(
    "--stages",
    "names",
    metavar="NAME,...",
    help="Names of the stages: of all columns but the first [default: the manifest's].",
)
@click.option("--output", type=FILE, help="CSV to write [default: stages.csv].")
@click.option("--manifest", type=FILE, help="Annotation table with hand labels, to compare with.")
@json_option
@click.pass_obj
def stages(
    workspace: Workspace,
    probabilities: Path,
    ids: Path | None,
    names: str | None,
    output: Path | None,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Find the first frame of each stage from the stages' PROBABILITIES in every frame.

    PROBABILITIES is a .npz with one array (frames, stages) per id, or with --ids one array
    (videos, frames, stages). Row k is frame k; the first column is the time before the first
    stage. Each stage becomes one range of frames, in the columns' order.

    The CSV that is written has the columns stage_<name> of a manifest. With --manifest they are
    compared with its hand labels.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.result import Evaluation
    from aqa.features.arrays import read_arrays, read_ids
    from aqa.files import write_rows
    from aqa.report.result_tables import results_table
    from aqa.workflows.stages import find_stages

    found_stages = find_stages(
        probabilities,
        read_arrays(probabilities, read_ids(ids) if ids else None),
        [name.strip() for name in names.split(",")] if names else [],
        Manifest.read(manifest) if manifest else None,
    )
    written = output or workspace.root / "stages.csv"
    write_rows(written, found_stages.rows)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "stages": found_stages.rows,
                    "results": [one.to_dict() for one in found_stages.results],
                },
                indent=1,
            )
        )
    elif found_stages.results:
        click.echo(results_table(Evaluation(found_stages.results)))
    click.echo(f"{len(found_stages.rows)} videos written to {written}", err=True)


COMMAND = stages

"""`aqa fragments`: how much each fragment of an action tells of its score."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import (
    manifest_option,
    open_store,
    param_option,
    picture_option,
    runs_option,
    seed_option,
    skip_option,
    store_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.option("--split", "splits", multiple=True, help="Split to evaluate on [default: every one].")
@seed_option
@param_option
@picture_option("PNG to draw the curve in.")
@manifest_option
@store_option
@runs_option
@skip_option
@click.pass_obj
def fragments(
    workspace: Workspace,
    splits: tuple[str, ...],
    seed: int,
    params: tuple[str, ...],
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
) -> None:
    """Show how much each fragment of an action tells of its score.

    Fits the head `fragments` on one fragment (clip) after the other, and then on all of them,
    judges each on the test videos, and writes by-fragment.csv beside the runs. The store holds
    maps, and as many fragments of every video (--layer, --frames of `aqa extract`).
    """
    from aqa.annotations.manifest import Manifest
    from aqa.models.runs import write_rows
    from aqa.report.result_tables import fragment_line
    from aqa.workflows.experiment import splits_of
    from aqa.workflows.pipeline import draw_fragments
    from aqa.workflows.single_fragments import FOLDER, sweep_fragments

    where = runs or workspace.runs
    table = Manifest.read(manifest or workspace.manifest)
    rows = []
    with open_store(store or workspace.only_store()) as features:
        for row in sweep_fragments(
            params,
            table,
            features,
            splits_of(table, splits),
            where,
            seed=seed,
            skip_missing=skip_missing,
        ):
            click.echo(fragment_line(row))
            rows.append(row)
    written = where / f"{FOLDER}.csv"
    write_rows(written, rows)
    if picture:
        draw_fragments(rows, picture)
    click.echo(f"written to {written}" + (f" and {picture}" if picture else ""), err=True)


COMMAND = fragments

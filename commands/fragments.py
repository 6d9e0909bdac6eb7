"""`aqa fragments`: how much each fragment of an action tells of its score."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import (
    head_seed_option,
    manifest_option,
    open_store,
    param_option,
    picture_option,
    runs_option,
    skip_option,
    store_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.option("--split", "splits", multiple=True, help="Split to evaluate on [default: every one].")
@head_seed_option
@param_option
@picture_option("the correlation of each fragment")
@manifest_option
@store_option
@runs_option
@skip_option
@click.pass_obj
def fragments(
    workspace: Workspace,
    splits: tuple[str, ...],
    seed: int | None,
    params: tuple[str, ...],
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
) -> None:
    """Show how much each fragment of an action tells of its score.

    A fragment is a clip: the first one of every video, the second, and so on. Fits the head
    `fragments` on one fragment after the other, and then on all of them, evaluates each on the
    test videos, and writes by-fragment.csv beside the runs. The store must hold maps, and the same
    number of clips for every video (--layer and --frames of `aqa extract`).
    """
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.annotations.manifest import Manifest
    from aqa.files import write_rows
    from aqa.report.result_tables import fragment_line
    from aqa.workflows.single_fragments import FOLDER, fit_each_fragment

    where = runs or workspace.runs
    table = Manifest.read(manifest or workspace.manifest)
    rows = []
    with open_store(store or workspace.only_store()) as features:
        for row in fit_each_fragment(
            params,
            table,
            features,
            chosen_splits(table, splits),
            where,
            seed=seed,
            skip_missing=skip_missing,
        ):
            click.echo(fragment_line(row))
            rows.append(row)
    written = where / f"{FOLDER}.csv"
    write_rows(written, rows)
    if picture:
        from aqa.report.figures import save_figure
        from aqa.report.fragments_curve import fragments_figure

        save_figure(fragments_figure(rows), picture)
    click.echo(f"written to {written}" + (f" and {picture}" if picture else ""), err=True)


COMMAND = fragments

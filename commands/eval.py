"""`aqa eval`: fitted heads on the test videos of their splits."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    align_option,
    json_option,
    manifest_option,
    open_store,
    runs_option,
    skip_option,
    workspace_option,
)
from aqa.workspace import Workspace, run_folders


@click.command(name="eval")
@workspace_option
@click.option("--head", "heads", multiple=True, help="Head to judge [default: every fitted one].")
@click.option("--split", "splits", multiple=True, help="Split to judge on [default: every one].")
@manifest_option
@click.option(
    "--store", type=FILE, help="Feature store [default: the one each head was fitted on]."
)
@runs_option
@click.option("--allow-leak", is_flag=True, help="Judge on videos that were learned from; marked.")
@click.option(
    "--feedback", is_flag=True, help="Judge which clips are called faulty, not the scores."
)
@align_option
@skip_option
@json_option
@click.pass_obj
def evaluate(
    workspace: Workspace,
    heads: tuple[str, ...],
    splits: tuple[str, ...],
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    allow_leak: bool,
    feedback: bool,
    align: str,
    skip_missing: bool,
    as_json: bool,
) -> None:
    """Judge fitted heads on the test videos of their splits.

    Prints a table with 95 % bootstrap intervals over the test videos, and writes it to eval.json
    and eval.csv (eval-split-<name> for chosen splits) beside the runs. Heads that compare pairs
    have a table of their own, and eval-pairs.csv. --feedback counts clips against the manifest's
    column faulty_clips, and writes eval-feedback.
    """
    from aqa.features.manifest import Manifest
    from aqa.models.experiment import evaluate_runs, over_splits, write_results
    from aqa.models.report import results_table

    where = runs or workspace.runs
    folders = run_folders(where, heads, splits)
    table = Manifest.read(manifest or workspace.manifest)
    with open_store(store) as features:
        results = evaluate_runs(
            folders,
            table,
            features,
            allow_leak=allow_leak,
            skip_missing=skip_missing,
            feedback=feedback,
            align=align,
        )
    means = over_splits(results)
    written = write_results(where, heads, splits, results, means)
    if as_json:
        click.echo(json.dumps({"results": results, "means": means}, indent=1))
    else:
        click.echo(results_table(results, means))
        click.echo(f"written to {written} and .csv", err=True)


COMMAND = evaluate

"""`aqa baseline`: what can be predicted without any pixels."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    json_option,
    manifest_option,
    open_store,
    runs_option,
    skip_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command(short_help="Evaluate what the manifest alone tells of scores, without pixels.")
@workspace_option
@click.argument("columns", nargs=-1, metavar="[COLUMN[+COLUMN]...]...")
@click.option("--split", "splits", multiple=True, help="Split to evaluate on [default: every one].")
@manifest_option
@click.option("--store", type=FILE, help="Feature store, to count clips and frames by.")
@runs_option
@skip_option
@json_option
@click.pass_obj
def baseline(
    workspace: Workspace,
    columns: tuple[str, ...],
    splits: tuple[str, ...],
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
    as_json: bool,
) -> None:
    """Predict scores without any pixels, and judge that as `aqa eval` judges heads.

    Ridge regression on COLUMNs of the manifest such as difficulty, type or event+difficulty, its
    penalty chosen on the training videos; by default on each column that tells something, and on
    all of them. With --store also on the numbers of clips and frames. A head is worth what it
    adds to this; `aqa compare` says how much that is.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.results import over_splits
    from aqa.report.result_tables import results_table
    from aqa.workflows.experiment import evaluate_baselines

    table = Manifest.read(manifest or workspace.manifest)
    with open_store(store) as features:
        results = evaluate_baselines(
            table,
            splits,
            columns,
            runs or workspace.runs,
            features,
            skip_missing=skip_missing,
        )
    means = over_splits(results)
    if as_json:
        click.echo(json.dumps({"results": results, "means": means}, indent=1))
    else:
        click.echo(results_table(results, means))


COMMAND = baseline

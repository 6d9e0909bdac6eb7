"""`aqa baseline`: what can be predicted without any pixels."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    good_option,
    groupings_option,
    json_option,
    manifest_option,
    open_store,
    runs_option,
    skip_option,
    targets_option,
    type_or_action,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command(short_help="Evaluate what the manifest alone tells of scores, without pixels.")
@workspace_option
@click.argument("columns", nargs=-1, metavar="[COLUMN[+COLUMN]...]...")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split, or family of splits such as louo, to evaluate on [default: every one].",
)
@targets_option
@good_option
@manifest_option
@click.option("--store", type=FILE, help="Feature store, to count clips and frames by.")
@runs_option
@skip_option
@click.option(
    "--skip-incomplete", is_flag=True, help="Leave out videos without the score of --target."
)
@groupings_option
@json_option
@click.pass_obj
def baseline(
    workspace: Workspace,
    columns: tuple[str, ...],
    splits: tuple[str, ...],
    targets: tuple[str, ...],
    good: str | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
    skip_incomplete: bool,
    groupings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Predict scores without any pixels, evaluated as `aqa eval` evaluates heads.

    Ridge regression on COLUMNs of the manifest, such as difficulty, type or event+difficulty; the
    penalty is chosen on the training videos. By default it takes each useful column alone, and all
    of them together; with --store also the numbers of clips and frames. COLUMN may be any other of
    the manifest too, and `neighbours`: the mean score of the training videos that are listed next
    to a video. A head is worth what it adds to this, and `aqa compare` says how much that is.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.overlaps import overlap_warnings
    from aqa.evaluation.baselines import evaluate_baselines
    from aqa.report.result_tables import results_table
    from aqa.report.tables import wrapped

    by = type_or_action(groupings)
    table = Manifest.read(manifest or workspace.manifest)
    named = [table.split(name) for name in table.split_names if not splits or name in splits]
    for line in overlap_warnings(named, table):
        click.echo(wrapped(f"warning: {line}"), err=True)
    with open_store(store) as features:
        evaluation = evaluate_baselines(
            table,
            splits,
            columns,
            runs or workspace.runs,
            features,
            targets=targets,
            good=good,
            skip_missing=skip_missing,
            skip_incomplete=skip_incomplete,
            by=by,
        )
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=1))
    else:
        click.echo(results_table(evaluation, by_split="split" in groupings))


COMMAND = baseline

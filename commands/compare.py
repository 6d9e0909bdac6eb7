"""`aqa compare`: whether one head is better than another."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import json_option, runs_option, workspace_option
from aqa.workspace import Workspace, run_folders


@click.command(short_help="Say whether one head is better than another.")
@workspace_option
@click.argument("heads", nargs=-1, metavar="[HEAD]...")
@click.option("--split", "splits", multiple=True, help="Split to compare on [default: every one].")
@click.option(
    "--metric",
    type=click.Choice(["spearman", "pearson", "mse", "med"]),
    default="spearman",
    show_default=True,
)
@runs_option
@json_option
@click.pass_obj
def compare(
    workspace: Workspace,
    heads: tuple[str, ...],
    splits: tuple[str, ...],
    metric: str,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Compare heads on the same test videos, from what `aqa eval` has kept.

    HEADs are fitted heads, and baselines such as baseline-difficulty; by default all heads, and
    baseline-all. Prints each head's mean over the splits that all were evaluated on, and says which
    are left out; for every two heads the difference with its 95 % bootstrap interval over videos,
    and p of a paired permutation test over videos, also adjusted by Holm for all the pairs shown,
    which decides. That takes the heads as they were fitted; for several splits, p of the corrected
    resampled t test over splits says whether heads fitted on other videos would differ. Writes
    compare.json and compare.csv beside the runs.
    """
    from aqa.evaluation.compare import compare as run
    from aqa.evaluation.compare import compared_folders, read_heads
    from aqa.evaluation.results import write_comparison
    from aqa.report.comparison_table import comparison_table

    where = runs or workspace.runs
    folders = run_folders(where, heads, splits, holding="predictions.csv")
    if not heads:
        folders = compared_folders(folders)
    found = run(read_heads(folders, strict=bool(heads)), metric)
    written = write_comparison(where, heads, splits, found)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        click.echo(comparison_table(found))
        click.echo(f"written to {written} and .csv", err=True)


COMMAND = compare

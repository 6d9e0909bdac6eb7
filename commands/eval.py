"""`aqa eval`: fitted heads on the test videos of their splits."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import (
    FILE,
    align_option,
    fitted_targets_option,
    groupings_option,
    json_option,
    manifest_option,
    open_store,
    runs_option,
    skip_option,
    type_or_action,
    typed_command,
    workspace_option,
)
from aqa.errors import told_together
from aqa.target_names import SCORE, label_and_target
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.result import Evaluation


@click.command(name="eval")
@workspace_option
@click.option(
    "--head",
    "heads",
    multiple=True,
    help="Head to evaluate: the name of its runs, or its Python file [default: every fitted one].",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split, or family of splits such as louo, to evaluate on [default: every one].",
)
@fitted_targets_option
@manifest_option
@click.option(
    "--store", type=FILE, help="Feature store [default: the one each head was fitted on]."
)
@runs_option
@click.option(
    "--allow-leak",
    is_flag=True,
    help="Evaluate also on videos that were learned from; the result is marked.",
)
@click.option(
    "--feedback", is_flag=True, help="Evaluate which clips are called faulty, not the scores."
)
@groupings_option
@click.option(
    "--no-baseline", is_flag=True, help="Leave out what can be predicted without any pixels."
)
@align_option
@skip_option
@click.option(
    "--skip-incomplete",
    is_flag=True,
    help="Leave out test videos that lack a label that a head answers by.",
)
@click.option(
    "--report",
    "page",
    type=FILE,
    help="Write a page of the results too: one HTML file that opens without a network.",
)
@json_option
@click.pass_obj
def evaluate(
    workspace: Workspace,
    heads: tuple[str, ...],
    splits: tuple[str, ...],
    targets: tuple[str, ...],
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    allow_leak: bool,
    feedback: bool,
    groupings: tuple[str, ...],
    no_baseline: bool,
    align: str,
    skip_missing: bool,
    skip_incomplete: bool,
    page: Path | None,
    as_json: bool,
) -> None:
    """Evaluate fitted heads on the test videos of their splits.

    Prints the means over the splits of a family, such as fold1 to fold5 or louo-B to louo-I, and
    where no video is tested twice also the metrics of all their test videos together. A split
    alone, and with --by split every one, is shown with 95 % bootstrap intervals over its test
    videos. All of it is written to eval.json and eval.csv (eval-split-<name> for chosen splits,
    eval-target-<name> for chosen targets) beside the runs. Below the heads stands what ridge
    regression predicts without any pixels, from the difficulty, type, event and length that the
    manifest has. A head that was fitted to several targets, see `aqa fit --target`, has a row for
    each and, of columns score_NAME, their mean, plain and by Fisher's z. Heads that compare pairs
    have a table of their own, and eval-pairs.csv. --feedback counts clips against the manifest's
    column faulty_clips, and writes eval-feedback. A run that cannot be evaluated stops none of
    the others; the exit code is then 1. --report writes the page of `aqa report RUN...` too.
    """
    if page is not None and feedback:
        raise click.UsageError("--report shows scores, not --feedback; leave one out")
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.evaluate_runs import evaluate_runs
    from aqa.evaluation.result_files import write_results
    from aqa.models.run_source import chosen_runs, names_of
    from aqa.report.result_tables import results_table

    if page is not None:
        from aqa.report.page.write_runs import check_page

        check_page(page)
    by = type_or_action(groupings)
    where = runs or workspace.runs
    folders = chosen_runs(where, heads, splits, targets)
    table = Manifest.read(manifest or workspace.manifest)
    with open_store(store) as features:
        evaluation = evaluate_runs(
            folders,
            table,
            features,
            allow_leak=allow_leak,
            skip_missing=skip_missing,
            skip_incomplete=skip_incomplete,
            feedback=feedback,
            align=align,
            by=by,
            baselines=None if no_baseline else where,
            heads=heads,
        )
    written = write_results(where, names_of(where, heads), splits, evaluation, targets)
    if as_json:
        click.echo(json.dumps(evaluation.to_dict(), indent=1))
    else:
        click.echo(results_table(evaluation, by_split="split" in groupings))
        click.echo(f"written to {written} and .csv", err=True)
    if page is not None:
        _write_page(page, folders, table, evaluation)
    for reason in told_together(evaluation.failed):
        click.echo(f"not evaluated: {reason}", err=True)
    if evaluation.failed:
        sys.exit(1)


def _write_page(
    page: Path, folders: list[Path], manifest: Manifest, evaluation: Evaluation
) -> None:
    """The page of the runs that were evaluated; it says why others were not."""
    from aqa.report.page.write_runs import write_runs_page

    evaluated = {(one.head, one.target or SCORE, one.split) for one in evaluation.results}
    shown = [
        folder
        for folder in folders
        if (*label_and_target(folder.absolute().parent.name), folder.name.removeprefix("split-"))
        in evaluated
    ]
    write_runs_page(shown, page, typed_command(), manifest, evaluation.failed)
    click.echo(f"written to {page}", err=True)


COMMAND = evaluate

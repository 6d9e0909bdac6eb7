"""`aqa compare`: whether one head is better than another."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aqa.commands.options import fitted_targets_option, json_option, runs_option, workspace_option
from aqa.target_names import SCORE, target_label
from aqa.workspace import Workspace


@click.command(short_help="Say whether one head is better than another.")
@workspace_option
@click.argument("heads", nargs=-1, metavar="[HEAD]...")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split, or family of splits such as louo, to compare on [default: every one].",
)
@click.option(
    "--metric",
    type=click.Choice(
        ["spearman", "pearson", "mse", "med", "accuracy", "balanced_accuracy", "f1", "roc_auc"]
    ),
    help="Metric to compare; mse and med are errors; the last four are of good or bad, accuracy of "
    "pairs too [default: spearman; of good or bad balanced_accuracy; of pairs accuracy].",
)
@click.option("--against", metavar="HEAD", help="Compare each of the others with this head alone.")
@fitted_targets_option
@runs_option
@json_option
@click.pass_obj
def compare(
    workspace: Workspace,
    heads: tuple[str, ...],
    splits: tuple[str, ...],
    metric: str | None,
    against: str | None,
    targets: tuple[str, ...],
    runs: Path | None,
    as_json: bool,
) -> None:
    """Compare heads on the same test videos, from the predictions that `aqa eval` has kept.

    HEADs are fitted heads, and baselines such as baseline-difficulty; by default all heads, and
    baseline-all. Prints the mean of each head over the splits of a family that all were evaluated
    on, and says which splits are left out.

    For every two heads it prints the difference, its 95 % bootstrap interval over videos, and the
    p of a paired permutation test over videos. That p, adjusted for all pairs of heads (Holm),
    decides whether one is better as it was fitted. With several splits, the p of the corrected
    resampled t test over splits says whether heads fitted on other videos would differ too.
    With --against only pairs with that head are compared: the fewer pairs, the smaller a
    difference that can be shown.

    Where heads write commentary, another table shows how near that is to what was said.

    Splits of several families are compared family by family, and heads that predict several
    targets target by target. Writes compare.json and compare.csv beside the runs; of several
    families or targets the names say which, as in compare-target-tes-split-louo.json.
    """
    from aqa.evaluation.compare import compare_targets
    from aqa.evaluation.compare_commentary import compared_captions
    from aqa.evaluation.predictions import compared_folders, read_heads
    from aqa.evaluation.result_files import comparison_record, write_comparison
    from aqa.models.run_source import chosen_runs, names_of
    from aqa.report.comparison_table import comparison_text

    where = runs or workspace.runs
    folders = chosen_runs(where, heads, splits, targets, holding="predictions.csv")
    if not heads:
        folders = compared_folders(folders)
    if against is not None:
        folders += chosen_runs(where, (against,), splits, targets, holding="predictions.csv")
        folders = list(dict.fromkeys(folders))
        against = names_of(where, (against,))[0]
    read = read_heads(folders, strict=bool(heads))
    comparisons = [
        (one, compared_captions(one, read)) for one in compare_targets(read, metric, against)
    ]
    several_targets = len({one.target for one, _ in comparisons}) > 1
    several_families = len({one.family for one, _ in comparisons}) > 1
    written = [
        write_comparison(
            where,
            names_of(where, heads),
            [one.family] if several_families else splits,
            one,
            captions,
            [one.target or SCORE] if several_targets else targets,
        )
        for one, captions in comparisons
    ]
    if as_json:
        shown = {
            target_label(one.family, one.target or SCORE): comparison_record(one, captions)
            for one, captions in comparisons
        }
        several = len(comparisons) > 1
        click.echo(json.dumps(shown if several else next(iter(shown.values())), indent=1))
    else:
        click.echo("\n\n".join(comparison_text(one, captions) for one, captions in comparisons))
        click.echo(f"written to {', '.join(map(str, written))} and .csv", err=True)


COMMAND = compare

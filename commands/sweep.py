"""`aqa sweep`: a search for hyper-parameters that never sees a test video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.fit import check_name
from aqa.commands.options import (
    HEAD,
    manifest_option,
    open_store,
    picture_option,
    runs_option,
    store_option,
    workspace_option,
)
from aqa.commands.ray_options import place_option, ray_address_option, ray_cluster
from aqa.number_text import fixed
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.sweep.run import Tried
    from aqa.workflows.sweep.trial import Search


@click.command(short_help="Search for hyper-parameters on held-out training videos.")
@workspace_option
@click.option("--head", type=HEAD, required=True, help="Head to fit, see `aqa heads`.")
@click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value of a hyper-parameter; several of one name are searched.",
)
@click.option(
    "--draws",
    type=click.IntRange(2),
    metavar="N",
    help="Try N combinations, drawn by the seed [default: every combination].",
)
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split to search and fit on, or family of splits [default: every split].",
)
@click.option(
    "--target", default="score", show_default=True, help="Score to predict, as in `aqa fit`."
)
@click.option(
    "--metric",
    type=click.Choice(["spearman", "pearson", "kendall", "mse", "med"]),
    default="spearman",
    show_default=True,
    help="What settings are ranked by; mse and med are errors.",
)
@click.option(
    "--folds",
    type=click.IntRange(2),
    default=3,
    show_default=True,
    help="Parts of the training videos, of which each is held out once.",
)
@click.option(
    "--by",
    metavar="COLUMN,...",
    help="Manifest columns that folds keep apart, or none [default: athlete and performance, and "
    "event and venue where the split does].",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of all random numbers: of the heads, the folds and the draws.",
)
@click.option(
    "--name", callback=check_name, help="What to call the winner's runs [default: HEAD-sweep]."
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    metavar="N",
    help="Settings to try side by side, in processes of one thread each [default: 1, or on Ray as "
    "many as it has cores].",
)
@place_option(
    "Where to try settings: on this machine, or on those of a Ray cluster (extra ray), which are "
    "sent the store; the winner is fitted here."
)
@ray_address_option
@click.option(
    "--ranges/--no-ranges",
    default=True,
    show_default=True,
    help="Learn how far the winner's scores are off, as `aqa fit` does.",
)
@picture_option("how well each value did")
@manifest_option
@store_option
@runs_option
@click.pass_obj
def sweep(
    workspace: Workspace,
    head: str,
    params: tuple[str, ...],
    draws: int | None,
    splits: tuple[str, ...],
    target: str,
    metric: str,
    folds: int,
    by: str | None,
    seed: int,
    name: str | None,
    jobs: int | None,
    place: str,
    ray_address: str | None,
    ranges: bool,
    picture: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
) -> None:
    """Try settings of a head on held-out training videos, and fit the best of each split.

    Each setting is fitted on two thirds of a split's training videos, and evaluated on the other
    third, three times (--folds). The best is then fitted on all of them; its runs lie in
    runs/HEAD-sweep, and their run.json records the search. No test video is looked at: `aqa eval
    --head HEAD-sweep` does that, for the winner alone. Splits may differ in their best setting.

    What is known is kept in runs/HEAD-sweep/sweep.json: the same command goes on where a killed
    one was, and more values are tried beside those that were. sweep.csv is the table.
    """
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.complete_splits import check_all_scored
    from aqa.evaluation.run_stores import stored_split
    from aqa.files import write_rows
    from aqa.models.heads import find_head
    from aqa.report.sweep import sweep_table
    from aqa.workflows.fit import check_layer, run_label
    from aqa.workflows.sweep.grid import settings_of
    from aqa.workflows.sweep.run import fit_winner, rows_of, search_settings, table_path
    from aqa.workflows.sweep.trial import Search, folds_of, make_head

    cluster = ray_cluster(place, ray_address, workers=jobs)
    table = Manifest.read(manifest or workspace.manifest).of_target(target)
    with open_store(store or workspace.only_store()) as features:
        source = find_head(head)
        label = run_label(source, name or f"{source.name}-sweep", "score")
        search = Search(
            head, table, runs or workspace.runs, label, metric, folds, seed, _columns(by)
        )
        settings = settings_of(params, draws, seed)
        check_layer(source, features)
        for setting in settings:
            make_head(search, setting, features)
        check_all_scored([table], splits, features)
        chosen = [stored_split(s, table, features, False) for s in chosen_splits(table, splits)]
        for split in chosen:
            if said := folds_of(search, split).said:
                click.echo(f"split {split.name}: {folds} folds, {said}", err=True)
        tried = []
        trials = search_settings(search, settings, chosen, features, jobs or 1, cluster)
        for number, one in enumerate(trials, 1):
            tried.append(one)
            click.echo(f"{number}/{len(settings) * len(chosen)} {_line(search, one)}", err=True)
        of_splits = [_of(tried, split.name, settings) for split in chosen]
        for split, own in zip(chosen, of_splits, strict=True):
            run = fit_winner(search, own, split, features, ranges=ranges)
            best = " ".join(run.record["search"]["chosen"])
            click.echo(f"{run.folder}: {best}, the best of {len(own)} settings")
    ordered = [one for own in of_splits for one in own]
    write_rows(table_path(search), rows_of(search, ordered))
    click.echo(sweep_table(search, ordered))
    click.echo(f"written to {table_path(search)}", err=True)
    if picture is not None:
        from aqa.report.figures import save_figure
        from aqa.report.plots.sweep import sweep_figure

        save_figure(sweep_figure(search, ordered), picture)
        click.echo(f"written to {picture}", err=True)


def _columns(by: str | None) -> tuple[str, ...] | None:
    """The columns of --by; None for what is kept apart by default."""
    if by is None:
        return None
    names = dict.fromkeys(name.strip() for name in by.split(","))
    return () if [*names] == ["none"] else tuple(name for name in names if name)


def _of(tried: list[Tried], split: str, settings: list[tuple[str, ...]]) -> list[Tried]:
    """The trials of a split, in the order of the settings."""
    own = [one for one in tried if one.split == split]
    return sorted(own, key=lambda one: settings.index(one.setting))


def _line(search: Search, one: Tried) -> str:
    where = f"{' '.join(one.setting)}, split {one.split}: "
    if one.trial.failed:
        return f"{where}failed: {one.trial.failed}"
    return f"{where}{search.metric} {fixed(one.trial.mean, 3)}, {one.trial.seconds:.1f} s"


COMMAND = sweep

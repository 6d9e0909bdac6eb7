"""`aqa fit`: a head on the training videos of each split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import (
    HEAD,
    good_option,
    incomplete_option,
    manifest_option,
    open_store,
    pairs_option,
    param_option,
    runs_option,
    skip_option,
    store_option,
    targets_option,
    workspace_option,
)
from aqa.models.heads import head_names
from aqa.workspace import BASELINE, Workspace

if TYPE_CHECKING:
    from aqa.models.runs import Run


def check_name(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """Refuse what would not be a folder of its own, or be taken for another head's runs."""
    if name is None or name == context.params.get("head"):
        return name
    if not re.fullmatch(r"\w[\w.+-]*", name):
        raise click.BadParameter(f"{name!r}: use letters, digits, '.', '_', '+' and '-'")
    if name.startswith(BASELINE):
        raise click.BadParameter(
            f"{name!r}: names with {BASELINE} are of predictions without pixels; choose another"
        )
    if name in head_names():
        raise click.BadParameter(f"{name!r} is another head; choose a name of your own")
    return name


def _seeds(_: click.Context, __: click.Parameter, text: str | None) -> tuple[int, ...]:
    """The seeds that a text such as 1,2,3 names; none where it is not given."""
    if text is None:
        return ()
    if not re.fullmatch(r"[0-9]{1,9}(,[0-9]{1,9})*", text):
        raise click.BadParameter(f"{text!r}: use a whole number, or several, such as 1,2,3")
    seeds = tuple(map(int, text.split(",")))
    if len(set(seeds)) < len(seeds):
        raise click.BadParameter(f"{text!r}: names a seed twice")
    return seeds


@click.command()
@workspace_option
@click.option("--head", type=HEAD, required=True, help="Head to fit, see `aqa heads`.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split to fit, or family of splits such as louo; all: every video [default: every split].",
)
@targets_option
@pairs_option
@good_option
@click.option(
    "--seed",
    "seed",
    callback=_seeds,
    metavar="SEED[,SEED]...",
    help="Seed of all random numbers, as -p seed=NUMBER; several: runs for each, in "
    "runs/<head>~seed1 [default: 0].",
)
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(1),
    metavar="N",
    help="Fit with each of the seeds 0 to N-1, in runs/<head>~seed0 and so on.",
)
@param_option
@click.option(
    "--name",
    callback=check_name,
    help="What to call the runs, to compare settings of one head [default: the head].",
)
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Fitted run to start from, or the folder of a head, for its run of the same split.",
)
@manifest_option
@store_option
@runs_option
@skip_option
@incomplete_option
@click.option(
    "--ranges/--no-ranges",
    default=True,
    show_default=True,
    help="Learn how far scores are off, which takes up to three more fits, on two thirds each.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Splits and targets to fit side by side, in processes of one thread each; runs are the "
    "same, up to last digits of networks that otherwise compute in several threads.",
)
@click.option(
    "--log",
    "log",
    multiple=True,
    metavar="LOGGER",
    help="Tell a logger of each epoch: tensorboard:FOLDER, or path/to/file.py with a CALLBACK.",
)
@click.pass_obj
def fit(
    workspace: Workspace,
    head: str,
    splits: tuple[str, ...],
    targets: tuple[str, ...],
    pairs: Path | None,
    good: str | None,
    seed: tuple[int, ...],
    n_seeds: int | None,
    params: tuple[str, ...],
    name: str | None,
    start: Path | None,
    manifest: Path | None,
    store: Path | None,
    runs: Path | None,
    skip_missing: bool,
    skip_incomplete: bool,
    ranges: bool,
    jobs: int,
    log: tuple[str, ...],
) -> None:
    """Fit a head on the training videos of each split; the runs lie in runs/<head>.

    Where videos have several scores, in columns such as score_tes and score_pcs, --target tes
    fits to one of them, in runs/<head>@tes, and --target all to each. A video without that score
    is an error, or left out with --skip-incomplete.

    A score of two values, or a column label (--target label), is learned as good or bad: by a
    logistic loss where a head has one, or else as the scores 1 and 0, with a threshold that is
    chosen on training videos.

    --target pairs learns who is better from a table of pairs (columns better and worse): heads
    then answer with a rank value, which is higher for better videos.

    --head score-estimation fits a metric first. With --from runs/siamese it takes the metric of
    the run of the same split, and with --from other/runs/siamese/split-1 that of this run. In the
    same way --head scoringnet takes its key fragments from --from runs/kfs.

    With several seeds, `aqa eval`, `aqa compare` and `aqa table` give the mean over them, and how
    far they spread beside the splits; --head lstm then means the runs of all its seeds.

    While a network is trained, runs/<head>/history-split-1.csv grows by a row per epoch, and on a
    terminal a bar shows the loss and the time left. --log tensorboard:FOLDER (extra tensorboard)
    draws curves; --log my_logger.py runs a file of your own, see docs/workbench.md.

    A head of your own is a Python file, which is run: --head path/to/topk.py takes what is called
    HEAD in it, topk.py:TopKHead the class of that name. Its runs lie in runs/topk. Every command
    that needs the head's code is given the file again, as --head path/to/topk.py.
    """
    if seed and n_seeds:
        raise click.UsageError("--seed and --seeds say the same thing; leave one out")
    seeds: tuple[int | None, ...] = tuple(range(n_seeds)) if n_seeds else ()
    seeds = seeds or (seed if len(seed) > 1 else (None,))
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.annotations.manifest import Manifest
    from aqa.evaluation.complete_splits import check_all_scored, told_left_out
    from aqa.report.tables import wrapped
    from aqa.workflows.side_by_side import FitSettings, FitTask, fit_tasks

    table = Manifest.read(manifest or workspace.manifest)
    with open_store(store or workspace.only_store()) as features:
        tables = table.of_targets(targets, good, pairs)
        if not skip_incomplete:
            check_all_scored(tables, splits, features)
        for seen in tables:
            if seen.classes is not None:
                click.echo(wrapped(seen.classes.told()), err=True)
        tasks = [
            FitTask(head, params, seen, split, runs or workspace.runs, one)
            for seen in tables
            for one in seeds
            for split in chosen_splits(seen, splits)
        ]
        settings = FitSettings(
            seed[0] if seed else None,
            skip_missing,
            skip_incomplete,
            start,
            name,
            ranges,
            log,
            bar=True,
        )
        for run in fit_tasks(tasks, features, settings, jobs):
            n = len(run.record["split"]["train"])
            line = f"{run.folder}: {n} training videos, {_time(run.record)}"
            click.echo("; ".join([line, *_chosen(run.record["chosen"]), *_threshold(run)]))
            if run.record["left_out"]:
                click.echo(f"{run.folder}: {told_left_out(run.record['left_out'])}")


def _time(record: Mapping[str, Any]) -> str:
    """How long the fit took, and all of it, where that is more: ranges take three more fits."""
    seconds, in_all = record["seconds"], record["seconds_in_all"]
    if in_all - seconds < 0.5:
        return f"{seconds:.1f} s"
    return (
        f"{seconds:.1f} s ({in_all:.1f} s {'with its ranges' if 'range' in record else 'in all'})"
    )


def _chosen(values: Mapping[str, Any]) -> Iterator[str]:
    """What was chosen, in words; lists and what holds them are in run.json alone."""
    for name, value in values.items():
        if isinstance(value, list):
            continue
        if not isinstance(value, Mapping):
            yield f"{name} {value}"
        elif not any(isinstance(inner, (Mapping, list)) for inner in value.values()):
            yield f"{name} " + ", ".join(f"{key} {inner}" for key, inner in value.items())


def _threshold(run: Run) -> Iterator[str]:
    """From which answer on a video is called good, where that was chosen."""
    rule = run.class_rule
    if rule is not None and rule.says == "score":
        yield f"{rule.classes.good} from {rule.threshold:.3g} on"


COMMAND = fit

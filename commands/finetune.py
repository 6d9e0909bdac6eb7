"""`aqa finetune`: a backbone and a head trained together, from videos."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.network_options import load_network, network_options, workers_option
from aqa.commands.options import (
    HEAD,
    check_one_seed,
    device_option,
    incomplete_option,
    manifest_option,
    param_option,
    runs_option,
    targets_option,
    workspace_option,
)
from aqa.commands.settings_options import options_of, taken_from
from aqa.number_text import fixed
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.finetune.results import FinetunedSplit


@click.command(short_help="Train a backbone and a head together, from the videos.")
@workspace_option
@network_options()
@click.option("--head", type=HEAD, required=True, help="Head to train together with the backbone.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split to train on, once or several times; `all`: every video  [default: every split].",
)
@targets_option
@param_option
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Start from this fitted run of the head, or from the run of the same split in this folder "
    "of the head  [default: an untrained head].",
)
@options_of(FinetuneSettings)
@workers_option(on_cpu=1)
@click.option(
    "--cache",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="GB",
    help="Memory for decoded training videos, and as much for validation videos; what does not "
    "fit is decoded again in each epoch.",
)
@device_option
@click.option(
    "--best-on-test",
    is_flag=True,
    help="Also keep the epoch that is best on the test videos, as <head>-finetuned-best-on-test.",
)
@click.option("--skip-missing", is_flag=True, help="Leave out videos that cannot be read.")
@incomplete_option
@click.option("--restart", is_flag=True, help="Begin anew; delete what was trained before.")
@manifest_option
@runs_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def finetune(
    workspace: Workspace,
    head: str,
    splits: tuple[str, ...],
    targets: tuple[str, ...],
    params: tuple[str, ...],
    start: Path | None,
    workers: int | None,
    cache: float,
    device: str,
    best_on_test: bool,
    skip_missing: bool,
    skip_incomplete: bool,
    restart: bool,
    manifest: Path | None,
    runs: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a backbone and a head together on the training videos of each split.

    Each split gives two runs, ready for `aqa eval` and `aqa score`: runs/<head>-finetuned, of the
    epoch that is best on the validation videos, and <head>-finetuned-last. Each holds the trained
    backbone (backbone.safetensors) and the features that it gives (features.h5). With --target tes
    they lie in runs/<head>-finetuned@tes, see `aqa fit`; but labels of two numbers are learned as
    scores. A training that was killed goes on after
    its last whole epoch when the same command is given again. On several GPUs:
    torchrun --nproc-per-node 2 -m aqa finetune ...
    """
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.annotations.manifest import Manifest
    from aqa.annotations.two_classes import NEITHER
    from aqa.extract.progress import ExtractionBar
    from aqa.models.training.distributed import join_processes
    from aqa.workflows.finetune.heads import check_asked
    from aqa.workflows.finetune.plan import FinetunePlan
    from aqa.workflows.finetune.progress import training_lines
    from aqa.workflows.finetune.run import finetune as run

    check_one_seed(params)
    check_asked(head, params)
    settings = FinetuneSettings(**taken_from(FinetuneSettings, options))
    table = Manifest.read(manifest or workspace.manifest)
    backbone, rule = load_network(**options, seed=settings.seed)
    with join_processes(device) as group:
        failed = False
        for seen in table.of_targets(targets, NEITHER) if targets else [table]:
            plan = FinetunePlan(
                head=head,
                params=params,
                manifest=seen,
                backbone=backbone,
                rule=rule,
                runs=runs or workspace.runs,
                settings=settings,
                start=start,
                workers=(1 if group.device.type == "cpu" else 8) if workers is None else workers,
                cache=round(cache * 1e9),
                skip_missing=skip_missing,
                skip_incomplete=skip_incomplete,
                test=best_on_test,
                restart=restart,
            )
            bars = training_lines(quiet)
            for done in run(plan, chosen_splits(seen, splits), group, bars, ExtractionBar(quiet)):
                _tell(done)
                failed |= bool(done.failed)
    if failed:
        sys.exit(1)


def _tell(done: FinetunedSplit) -> None:
    """Print the runs of a split, and how well each scores the validation videos."""
    for result, run in done.runs.items():
        metrics, epoch = done.metrics(result)["val"], run.record["epoch"]
        spearman = "undefined" if metrics["spearman"] is None else fixed(metrics["spearman"], 3)
        click.echo(
            f"{run.folder}: epoch {epoch['number']} of {epoch['of']} ({result}), validation "
            f"Spearman {spearman}, MSE {metrics['mse']:.4g}" + (", reused" if done.reused else "")
        )
    for video_id, reason in done.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)


COMMAND = finetune

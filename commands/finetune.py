"""`aqa finetune`: a backbone and a head trained together, from videos."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import (
    HEAD,
    device_option,
    load_network,
    manifest_option,
    network_options,
    param_option,
    precision_option,
    runs_option,
    seed_option,
    workers_option,
    workspace_option,
)
from aqa.workflows.finetune.settings import Recipe
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.splits import Split
    from aqa.workflows.finetune.run import Finetuned


@click.command(short_help="Train a backbone and a head together, from the videos.")
@workspace_option
@network_options()
@click.option("--head", type=HEAD, required=True, help="What to train it with.")
@click.option(
    "--split",
    "splits",
    multiple=True,
    help="Split to train on [default: every one]; `all`: every video.",
)
@param_option
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Fitted run of the head to start from, or its folder, for its run of the same split.",
)
@click.option("--epochs", type=click.IntRange(1), default=Recipe.epochs, show_default=True)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    default=Recipe.batch_size,
    show_default=True,
    help="Videos an update, over all processes.",
)
@click.option(
    "--accumulate",
    type=click.IntRange(1),
    default=Recipe.accumulate,
    show_default=True,
    help="Passes that a process goes through its share of an update in.",
)
@click.option(
    "--clips-at-once",
    type=click.IntRange(1),
    help="Clips whose activations are kept; those of others are computed again [default: all].",
)
@click.option(
    "--lr-backbone",
    type=click.FloatRange(0),
    default=Recipe.lr_backbone,
    show_default=True,
    help="Learning rate of the pretrained layers.",
)
@click.option(
    "--lr-head",
    type=click.FloatRange(0, min_open=True),
    default=Recipe.lr_head,
    show_default=True,
    help="Learning rate of the head.",
)
@click.option(
    "--batch-norm",
    type=click.Choice(["frozen", "live"]),
    default=Recipe.batch_norm,
    show_default=True,
    help="Statistics of the backbone's batch norms: the pretrained ones, or each pass's own.",
)
@click.option("--flip/--no-flip", default=True, show_default=True, help="Mirror half the videos.")
@click.option(
    "--end-shift",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="Leave out up to so many frames at the end.",
)
@precision_option
@workers_option
@click.option(
    "--cache",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="GB",
    help="Memory for decoded videos, each of training and validation; others are decoded anew.",
)
@device_option
@seed_option
@click.option(
    "--best-on-test",
    is_flag=True,
    help="Keep the epoch that is best on the test videos too, called that.",
)
@click.option("--skip-missing", is_flag=True, help="Leave out training videos that cannot be read.")
@click.option("--restart", is_flag=True, help="Begin anew; forget what was trained before.")
@manifest_option
@runs_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def finetune(
    workspace: Workspace,
    head: str,
    splits: tuple[str, ...],
    params: tuple[str, ...],
    start: Path | None,
    epochs: int,
    batch_size: int,
    accumulate: int,
    clips_at_once: int | None,
    lr_backbone: float,
    lr_head: float,
    batch_norm: str,
    flip: bool,
    end_shift: int,
    precision: str,
    workers: int | None,
    cache: float,
    device: str,
    seed: int,
    best_on_test: bool,
    skip_missing: bool,
    restart: bool,
    manifest: Path | None,
    runs: Path | None,
    quiet: bool,
    **network: Any,
) -> None:
    """Train a backbone and a head together on the training videos of each split.

    Each split gives runs/<head>-finetuned, of the epoch that is best on the validation videos,
    and <head>-finetuned-last, each with its backbone.safetensors and the features it gives, ready
    for `aqa eval` and `aqa score`. A killed training goes on after its last whole epoch. Several
    GPUs: torchrun --nproc-per-node 2 -m aqa finetune ..., the same command.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.extract.clips_dataset import Augment
    from aqa.extract.progress import BarProgress
    from aqa.models.training.distributed import join_processes
    from aqa.workflows.experiment import splits_of
    from aqa.workflows.finetune.run import Plan
    from aqa.workflows.finetune.run import finetune as run

    table = Manifest.read(manifest or workspace.manifest)
    backbone, rule = load_network(**network, seed=seed)
    with join_processes(device) as group:
        plan = Plan(
            head=head,
            params=params,
            manifest=table,
            backbone=backbone,
            rule=rule,
            runs=runs or workspace.runs,
            recipe=Recipe(
                epochs=epochs,
                batch_size=batch_size,
                accumulate=accumulate,
                lr_backbone=lr_backbone,
                lr_head=lr_head,
                batch_norm=batch_norm,  # type: ignore[arg-type]
                precision=precision,  # type: ignore[arg-type]
                clips_at_once=clips_at_once,
                seed=seed,
            ),
            augment=Augment(flip, end_shift, seed),
            start=start,
            workers=(1 if group.device.type == "cpu" else 8) if workers is None else workers,
            cache=round(cache * 1e9),
            skip_missing=skip_missing,
            test=best_on_test,
            restart=restart,
        )
        failed = False
        bars = _progress(quiet)
        for done in run(plan, splits_of(table, splits), group, bars, BarProgress(quiet)):
            _tell(done)
            failed |= bool(done.failed)
    if failed:
        sys.exit(1)


def _progress(quiet: bool) -> Any:
    """What makes the bar of a split: a line an epoch, and a bar within it on a terminal."""
    from tqdm import tqdm

    from aqa.workflows.finetune.trainer import Progress

    class Bar(Progress):
        def __init__(self, split: Split):
            self._name = f"split {split.name}"
            self._bar: Any = None
            parts = (f"{len(split.train)} training videos", f"{len(split.val)} for validation")
            self.line(f"{self._name}: {', '.join(parts)}")

        def start(self, epoch: int, n_videos: int) -> None:
            hidden = quiet or not sys.stderr.isatty()
            self._bar = tqdm(total=n_videos, unit="video", leave=False, disable=hidden)

        def videos(self, n: int) -> None:
            self._bar.update(n)

        def epoch(self, row: Mapping[str, Any]) -> None:
            if self._bar is not None:
                self._bar.close()
            self.line(f"{self._name}, {_row(row)}")

        def line(self, text: str) -> None:
            tqdm.write(text, file=sys.stderr)

    return Bar


def _row(row: Mapping[str, Any]) -> str:
    """A row of the history in words."""
    losses = {name: value for name, value in row.items() if name.endswith("loss")}
    text = ", ".join(f"{k.replace('_', ' ')} {v:.5g}" for k, v in losses.items() if v is not None)
    if not row["epoch"]:
        return f"before training: {text}"
    memory = "" if row["memory_gb"] is None else f", {row['memory_gb']:.2f} GB"
    return f"epoch {row['epoch']}: {text} ({row['seconds']:.1f} s{memory})"


def _tell(done: Finetuned) -> None:
    """The runs of a split, and what each reaches on validation videos."""
    for result, run in done.runs.items():
        found, epoch = done.metrics(result)["val"], run.record["epoch"]
        spearman = "undefined" if found["spearman"] is None else f"{found['spearman']:.3f}"
        click.echo(
            f"{run.folder}: epoch {epoch['number']} of {epoch['of']} ({result}), validation "
            f"Spearman {spearman}, MSE {found['mse']:.4g}" + (", reused" if done.reused else "")
        )
    for video_id, reason in done.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)


COMMAND = finetune

"""`aqa isa`: the filters of `--backbone isa`, from training videos."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aqa.commands.options import (
    FILE,
    manifest_option,
    seed_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command(short_help="Learn filters from the pixels of training videos.")
@workspace_option
@click.option(
    "--split", required=True, help="Learn from the training videos of this split; all: every video."
)
@click.option(
    "--weights", type=FILE, help="File to write [default: isa-split-<split>.safetensors]."
)
@click.option(
    "--blocks",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Blocks of pixels to learn from, drawn from all videos together.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Steps of gradient descent per layer, at most.",
)
@seed_option
@manifest_option
@click.pass_obj
def isa(
    workspace: Workspace,
    split: str,
    weights: Path | None,
    blocks: int,
    steps: int,
    seed: int,
    manifest: Path | None,
) -> None:
    """Learn spatio-temporal filters from the pixels of a split's training videos.

    Afterwards, `aqa extract --backbone isa --weights FILE` extracts features with them, and `aqa
    fit --head svr -p kernel=linear` fits a head on those (ConvISA). The file names the videos that
    it was learned from; `aqa eval` refuses to evaluate on them. A video that cannot be read is left
    out and told of at the end; the exit code is then 1.
    """
    from aqa.annotations.chosen_splits import chosen_splits
    from aqa.annotations.manifest import Manifest
    from aqa.extract.checkpoints.state_files import save_fitted
    from aqa.extract.learn_isa import learn

    table = Manifest.read(manifest or workspace.manifest)
    (chosen,) = chosen_splits(table, (split,))
    videos = [table.by_id[i] for i in chosen.train]
    path = weights or workspace.root / f"isa-split-{split}.safetensors"
    learned = learn(videos, blocks=blocks, steps=steps, seed=seed)
    save_fitted(path, learned.net.state_dict(), learned.ids)
    for line in learned.warnings:
        click.echo(f"warning: {line}", err=True)
    for number, row in enumerate(learned.history, start=1):
        click.echo(
            f"layer {number}: {row['filters']} filters hold {row['variance_kept']:.1%} of the "
            f"variance; {row['steps']} steps, objective {row['first']:.2f} to {row['last']:.2f}"
        )
    click.echo(f"{path}: learned from {len(learned.ids)} videos")
    for line in learned.failed:
        click.echo(f"failed: {line}", err=True)
    if learned.failed:
        sys.exit(1)


COMMAND = isa

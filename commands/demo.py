"""`aqa demo`: the whole pipeline on drawn dives."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import FOLDER, workspace_option
from aqa.workspace import Workspace


@click.command(short_help="Run the whole pipeline on drawn dives.")
@workspace_option
@click.argument("folder", required=False, type=FOLDER)
@click.option("--videos", "n_videos", type=click.IntRange(20), default=120, show_default=True)
@click.option(
    "--seed",
    type=click.IntRange(0, 499_999),
    default=0,
    show_default=True,
    help="Seed of the drawn dives; higher seeds are those of new videos and of the network's "
    "training videos.",
)
@click.pass_obj
def demo(workspace: Workspace, folder: Path | None, n_videos: int, seed: int) -> None:
    """Run the whole pipeline on drawn dives, in FOLDER [default: aqa-demo].

    Draws a small dataset of dives whose faults and scores are known, extracts features, fits two
    heads on five splits, evaluates them, and scores one new video.
    """
    from aqa.workflows.demo.run import run_demo

    run_demo(folder or workspace.root / "aqa-demo", n_videos, seed, click.echo)


COMMAND = demo

"""`aqa demo`: all of it once, on drawn dives."""

from __future__ import annotations

from pathlib import Path

import click

from aqa.commands.options import FOLDER, workspace_option
from aqa.workspace import Workspace


@click.command(short_help="Try everything on drawn dives.")
@workspace_option
@click.argument("folder", required=False, type=FOLDER)
@click.option(
    "--videos",
    "n_videos",
    type=click.IntRange(20),
    default=120,
    show_default=True,
    help="How many dives to draw.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 499_999),
    default=0,
    show_default=True,
    help="Random seed of the dives; higher ones are kept for new videos and for training the "
    "demo's network.",
)
@click.pass_obj
def demo(workspace: Workspace, folder: Path | None, n_videos: int, seed: int) -> None:
    """Try everything on drawn dives, in FOLDER [default: aqa-demo].

    Draws a small dataset of dives whose faults and scores are known, extracts features, fits two
    heads on five splits, evaluates them on videos that they have not seen, scores one new video,
    says what cost points in it, and in words what it shows. A page on this video, which marks its
    true faults beside those that were found, and the fitted head as one file lie in FOLDER, too.
    """
    from aqa.report.demo_screen import demo_screen
    from aqa.report.page.write import write_pages
    from aqa.report.tables import wrapped
    from aqa.workflows.demo.run import run_demo

    where = folder or workspace.root / "aqa-demo"
    outcome = run_demo(where, n_videos, seed, lambda line: click.echo(wrapped(line, indent="   ")))
    (page,) = write_pages(outcome.report, where / "report.html", "aqa demo")
    click.echo(f"\n{demo_screen(outcome, page)}")


COMMAND = demo

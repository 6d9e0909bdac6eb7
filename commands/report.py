"""`aqa report`: a page on videos that a coach can read and send on."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.model_options import model_option, places_of
from aqa.commands.network_options import backbone_again_option
from aqa.commands.options import (
    FILE,
    action_option,
    align_option,
    device_option,
    difficulty_option,
    explaining_head_option,
    manifest_option,
    one_target_option,
    runs_option,
    store_option,
    type_option,
    workspace_option,
)
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.video_reports import VideosReport


@click.command()
@workspace_option
@click.argument("videos", nargs=-1, required=True)
@explaining_head_option
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page, one file; or a folder, for a page of each video.",
)
@click.option("--link", is_flag=True, help="Put the videos beside the page, not into it.")
@one_target_option
@type_option
@difficulty_option
@action_option
@align_option
@model_option
@manifest_option
@store_option
@click.option("--weights", type=FILE, help="Checkpoint [default: the one the features came from].")
@backbone_again_option
@runs_option
@device_option
@click.pass_obj
def report(
    workspace: Workspace,
    videos: tuple[str, ...],
    head: str | None,
    splits: tuple[str, ...],
    out: Path,
    link: bool,
    target: str | None,
    type_: str | None,
    difficulty: float | None,
    action: str | None,
    align: str,
    model: Path | None,
    manifest: Path | None,
    store: Path | None,
    weights: Path | None,
    backbone: str | None,
    runs: Path | None,
    device: str,
) -> None:
    """Write a page on VIDEOS that opens in any browser, without a network.

    VIDEOS are ids of the manifest, or new files. The page plays each video beside an exemplar,
    marks the moments that cost points, and says what they cost. It is one file that can be sent
    on; -o FOLDER writes a page of each video, and an index. The score is the mean over the splits
    that did not learn from the video.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.models.runs import load_run
    from aqa.report.page.write import write_pages
    from aqa.workflows.best_head import explaining_runs
    from aqa.workflows.video_reports import report_videos

    places = places_of(workspace, model, runs=runs, manifest=manifest, store=store, weights=weights)
    folders = explaining_runs(places.runs, head, splits, target=target)
    made = report_videos(
        places.videos(videos),
        [load_run(folder, (head,) if head else ()) for folder in folders],
        Manifest.read(places.manifest),
        places.store,
        type=type_,
        difficulty=difficulty,
        action=action,
        align=align,
        weights=places.weights,
        backbone=backbone,
        device=device,
    )
    if made.videos:
        command = shlex.join(["aqa", *sys.argv[1:]])
        for path in write_pages(made, out, command, link=link):
            click.echo(f"written to {path}")
    _tell(made)
    if made.failed:
        sys.exit(1)


def _tell(made: VideosReport) -> None:
    for video in made.videos:
        for line in video.warnings:
            named = line if line.startswith(video.name) else f"{video.name}: {line}"
            click.echo(f"warning: {named}", err=True)
    for name, reason in made.failed.items():
        click.echo(f"failed: {name}: {reason}", err=True)


COMMAND = report

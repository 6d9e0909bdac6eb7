"""`aqa report`: a page on videos that a coach can read, or on runs for who fits heads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

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
    typed_command,
    workspace_option,
    writer_option,
)
from aqa.errors import UnknownNameError
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.workflows.video_reports import VideosReport


@click.command()
@workspace_option
@click.argument("names", metavar="VIDEO|RUN...", nargs=-1, required=True)
@explaining_head_option
@click.option("--split", "splits", multiple=True, help="Run to use [default: all, averaged].")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page, a file that ends in .html; or, of videos, a folder for a page of each.",
)
@click.option("--link", is_flag=True, help="Put the videos beside the page, not into it.")
@writer_option
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
@click.pass_context
def report(
    context: click.Context,
    names: tuple[str, ...],
    head: str | None,
    splits: tuple[str, ...],
    out: Path,
    link: bool,
    writer: str | None,
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
    """Write a page on videos, or on runs, that opens in any browser, without a network.

    VIDEOs are ids of the manifest, their files, or new files. The page plays each video beside an
    exemplar, marks the moments that cost points, and says what they cost. It is one file that can
    be sent on; -o FOLDER writes a page of each video, and an index. The score is the mean over the
    splits that did not learn from the video.

    RUNs are folders of fitted runs, such as runs/svr/split-1, or of all runs of a head, such as
    runs/svr. Their page shows what `aqa eval` has kept: predicted against true scores, residuals,
    heads compared, whether ranges hold, what needs no pixels, learning curves, and how the heads
    were fitted. Of the options it takes -o and --manifest alone.
    """
    if runs_given := _runs(names):
        _check_of_runs(context)
        _report_runs(runs_given, out, manifest)
        return
    _check_places(names)
    workspace: Workspace = context.obj
    from aqa.annotations.manifest import Manifest
    from aqa.models.run_source import runs_of_one_target
    from aqa.models.runs import load_run
    from aqa.report.page.write import check_out, write_pages
    from aqa.workflows.best_head import explaining_runs
    from aqa.workflows.video_reports import report_videos

    check_out(out)
    places = places_of(workspace, model, runs=runs, manifest=manifest, store=store, weights=weights)
    folders = explaining_runs(places.runs, head, splits, target=target)
    words = runs_of_one_target(places.runs, writer) if writer else []
    made = report_videos(
        places.videos(names),
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
        writers=[load_run(folder, (writer,) if writer else ()) for folder in words],
    )
    if made.videos:
        for path in write_pages(made, out, typed_command(), link=link):
            click.echo(f"written to {path}")
    _tell(made)
    if made.failed:
        sys.exit(1)


def _runs(names: tuple[str, ...]) -> list[Path]:
    """The folders of runs that the names mean; none where they are videos.

    A folder of numbered images is a video.
    """
    from aqa.evaluation.kept_results import found_runs

    found = {name: found_runs(Path(name)) for name in names}
    of_runs = [name for name, folders in found.items() if folders]
    videos = [name for name in names if name not in of_runs]
    if of_runs and videos:
        raise click.UsageError(
            f"{of_runs[0]} holds runs, {videos[0]} does not: a page is on runs or on videos; give "
            "the command for each"
        )
    return list(dict.fromkeys(folder for folders in found.values() for folder in folders))


def _check_places(names: tuple[str, ...]) -> None:
    """Refuse a name that is neither there nor a video's, in a folder that holds runs."""
    from aqa.evaluation.kept_results import found_runs

    for place in map(Path, names):
        held = [] if place.exists() or place.parent == Path() else found_runs(place.parent)
        if held:
            below = {place.parent / one.relative_to(place.parent).parts[0] for one in held}
            raise UnknownNameError("run or video", str(place), sorted(map(str, below)))


def _check_of_runs(context: click.Context) -> None:
    """Refuse options that say nothing of runs."""
    for option in context.command.params:
        typed = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if typed and option.name not in ("names", "out", "manifest", "workspace"):
            raise click.UsageError(f"{option.opts[0]} is for pages on videos; leave it out")


def _report_runs(folders: list[Path], out: Path, manifest: Path | None) -> None:
    from aqa.annotations.manifest import Manifest
    from aqa.report.page.write_runs import write_runs_page

    table = None if manifest is None else Manifest.read(manifest)
    write_runs_page(folders, out, typed_command(), table)
    click.echo(f"written to {out}")


def _tell(made: VideosReport) -> None:
    for video in made.videos:
        for line in video.warnings:
            named = line if line.startswith(video.name) else f"{video.name}: {line}"
            click.echo(f"warning: {named}", err=True)
    for name, reason in made.failed.items():
        click.echo(f"failed: {name}: {reason}", err=True)


COMMAND = report

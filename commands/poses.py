"""`aqa poses`: the athlete's joints, estimated from video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.extract_options import failed_list_option, only_option, tell_failed
from aqa.commands.network_options import fetch_networks
from aqa.commands.options import FOLDER, manifest_option, workspace_option
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Video
    from aqa.extract.summary import ExtractionSummary

_VIDEO = click.Path(path_type=Path)


@click.command(short_help="Estimate the athlete's joints from video.")
@click.argument("videos", nargs=-1, type=_VIDEO, metavar="[VIDEO]...")
@workspace_option
@manifest_option
@click.option("--out", type=FOLDER, help="Folder to write <video_id>.npz to [default: poses].")
@click.option(
    "--camera",
    type=click.Choice(["still", "moving"]),
    default="still",
    show_default=True,
    help="still: one that stands, or moves little, before people on the ground; moving: one that "
    "follows an athlete who turns in the air, such as a diver; five to ten times slower.",
)
@click.option(
    "--network",
    type=click.Choice(["lite", "full", "heavy"]),
    default="full",
    show_default=True,
    help="Size of BlazePose's network for joints: a small, the usual or a large one.",
)
@click.option(
    "--least",
    type=click.FloatRange(0, 1, min_open=True),
    help="How sure it must be that somebody is on a frame [default: 0.5; 0.3 with --camera "
    "moving].",
)
@click.option(
    "--smooth",
    type=click.FloatRange(0, 99),
    default=1.0,
    show_default=True,
    metavar="FRAMES",
    help="Smoothing over time, the standard deviation of its weights; 0: none.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads of the networks.",
)
@only_option
@failed_list_option
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def poses(
    workspace: Workspace,
    videos: tuple[Path, ...],
    manifest: Path | None,
    out: Path | None,
    camera: str,
    network: str,
    least: float | None,
    smooth: float,
    threads: int,
    only: Path | None,
    failed_list: Path | None,
    quiet: bool,
) -> None:
    """Estimate the athlete's joints on each frame of the manifest's videos, or of VIDEO.

    Writes <video_id>.npz, or one named as VIDEO: 33 joints, each with x and y in pixels and a
    confidence, 0 where nobody is on the frame. Then `aqa extract --backbone pose --poses FOLDER`
    makes a store of them, on which the heads pose-dct, pose-dft, pose-apen and st-gcn are fitted;
    `aqa measure --poses FOLDER` measures angles and distances by them.

    Needs the extra poses (pip install "aqa-toolkit[poses]"); the networks, BlazePose's
    (bazarevsky2020, Apache 2.0), are fetched as by `aqa weights fetch blazepose-full`, 36 MB; those
    of another --network take 41 MB more.

    What is done goes on where it stopped; a video that fails is reported at the end, and the exit
    code is then 1.
    """
    from aqa.extract.poses.estimation.run import estimate_poses, load_networks
    from aqa.extract.poses.estimation.settings import EstimationSettings
    from aqa.extract.progress import ExtractionBar

    settings = EstimationSettings(camera, least, smooth)  # type: ignore[arg-type]
    chosen = _chosen(videos, manifest or workspace.manifest, manifest is not None, only)
    folder = out or workspace.root / "poses"
    networks = load_networks(fetch_networks(f"blazepose-{network}"), threads)
    with ExtractionBar(quiet) as progress:
        summary = estimate_poses(chosen, folder, networks, settings, progress=progress)
    following = f"aqa extract --backbone pose --poses {folder}"
    if videos:
        ready = {*summary.done, *summary.reused}
        named = next(
            (path for path, one in zip(videos, chosen, strict=True) if one.id in ready), ""
        )
        aspects = "squat" if camera == "still" else "diving"
        place = "" if out is None else f" --poses {out}"
        following = f"aqa measure --aspects {aspects} {named}{place}"
    _tell(folder, summary, failed_list, following)


def _chosen(
    paths: Sequence[Path], manifest: Path, asked: bool, only: Path | None
) -> Sequence[Video]:
    """The videos of these paths, or else of the manifest."""
    from aqa.annotations.manifest import Manifest, Video
    from aqa.commands.extract import chosen_videos
    from aqa.commands.measure_options import ids_of_files

    if not paths:
        return chosen_videos(Manifest.read(manifest), only)
    if asked or only is not None:
        raise click.UsageError("VIDEO, or --manifest and --only; not both")
    ids = ids_of_files(paths)
    return [Video(one, path.resolve(), float("nan")) for one, path in zip(ids, paths, strict=True)]


def _tell(
    folder: Path, summary: ExtractionSummary, failed_list: Path | None, following: str
) -> None:
    """Say what became of the videos, and what can be done then; exit code 1 where one failed."""
    click.echo(
        f"{folder}: joints of {len(summary.done)} videos estimated ({summary.n_clips} frames), "
        f"{len(summary.reused)} reused, {len(summary.failed)} failed"
    )
    if summary.done or summary.reused:
        click.echo(f"next: {following}")
    tell_failed(summary, failed_list)


COMMAND = poses

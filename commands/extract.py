"""`aqa extract`: the videos of a manifest into a feature store."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from aqa.commands.options import (
    FILE,
    FOLDER,
    device_option,
    load_network,
    manifest_option,
    network_options,
    precision_option,
    workers_option,
    workspace_option,
)
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.annotations.manifest import Video
    from aqa.extract.run import Summary

POSE = "pose"
_OF_POSES = ("poses", "max_missing")
_OF_BOTH = ("backbone", "manifest", "store", "quiet")


@click.command()
@workspace_option
@network_options(POSE)
@manifest_option
@click.option("--store", type=FILE, help="Feature store [default: stores/<backbone>.h5].")
@click.option(
    "--views",
    metavar="NAME,...",
    default="original",
    show_default=True,
    help="Augmented copies beside the original: flip, bright, zoom, mask, equalize, drop, "
    "shift1 to shift5.",
)
@device_option
@click.option(
    "--batch-size", default="auto", show_default=True, help="Clips a forward pass.", metavar="N"
)
@precision_option
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    show_default=True,
    help="That features are stored in.",
)
@workers_option
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Of `--weights random` and of the views.",
)
@click.option(
    "--poses",
    type=FOLDER,
    help="Of pose: folder of <video_id>.json, .npy, .npz or folders [default: the manifest's "
    "column poses].",
)
@click.option(
    "--max-missing",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Of pose: largest share of a video's joints that may be missing.",
)
@click.option("--quiet", is_flag=True, help="No progress bar.")
@click.pass_obj
def extract(
    workspace: Workspace,
    manifest: Path | None,
    store: Path | None,
    views: str,
    device: str,
    batch_size: str,
    precision: str,
    dtype: str,
    workers: int | None,
    seed: int,
    poses: Path | None,
    max_missing: float,
    quiet: bool,
    **network: Any,
) -> None:
    """Turn the videos of the manifest into clip features, each once.

    With --backbone pose the features are the athlete's joints, which a pose estimator has written
    to files: OpenPose's, COCO's, AlphaPose's, MMPose's, or NumPy's (frames, joints, 2 or 3).

    A killed run goes on where it stopped. A video that fails is reported at the end and stops
    none of the others; the exit code is then 1.
    """
    _refuse_options_of_others(network["backbone"])
    size = _batch_size(batch_size)
    if network["backbone"] == POSE:
        from aqa.annotations.manifest import Manifest

        table = Manifest.read(manifest or workspace.manifest)
        _extract_poses(table.videos, poses, store or workspace.store(POSE), max_missing, quiet)
        return
    from aqa.extract.video.damage import DecoderLog

    log = DecoderLog()
    from aqa.annotations.manifest import Manifest
    from aqa.extract.progress import BarProgress
    from aqa.extract.run import extract as run

    videos = Manifest.read(manifest or workspace.manifest)
    backbone, rule = load_network(**network, seed=seed)
    path = store or workspace.store(backbone.name)
    progress = BarProgress(quiet)
    with log, progress:
        summary = run(
            videos.videos,
            backbone,
            path,
            rule,
            views=[name.strip() for name in views.split(",")],
            view_seed=seed,
            device=device,
            batch_size=size,
            precision=precision,  # type: ignore[arg-type]
            dtype=dtype,
            workers=workers,
            progress=progress,
            log=log,
        )
    _tell(path, summary)


def _extract_poses(
    videos: Sequence[Video], folder: Path | None, path: Path, max_missing: float, quiet: bool
) -> None:
    from aqa.extract.poses.run import extract_poses
    from aqa.extract.progress import BarProgress

    with BarProgress(quiet) as progress:
        _tell(path, extract_poses(videos, path, folder, max_missing=max_missing, progress=progress))


def _tell(path: Path, summary: Summary) -> None:
    """Say what became of the videos; exit code 1 where one failed."""
    click.echo(
        f"{path}: {len(summary.done)} videos extracted ({summary.n_clips} clips), "
        f"{len(summary.reused)} reused, {len(summary.failed)} failed"
    )
    for video_id, reason in summary.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)
    if summary.failed:
        sys.exit(1)


def _refuse_options_of_others(backbone: str) -> None:
    """Refuse options that mean nothing for the backbone, where they were given."""
    context = click.get_current_context()
    of_poses = backbone == POSE
    wrong = [
        option.opts[0]
        for option in context.command.params
        if option.name not in _OF_BOTH
        and (option.name in _OF_POSES) != of_poses
        and context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    ]
    if wrong:
        kind = "pose, which reads joints from files" if of_poses else f"{backbone}, only for pose"
        raise click.UsageError(f"{', '.join(wrong)}: not for --backbone {kind}")


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is not a positive whole number or auto")
    return int(text)


COMMAND = extract

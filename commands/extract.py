"""`aqa extract`: the videos of a manifest into a feature store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from aqa.commands.options import (
    FILE,
    device_option,
    load_network,
    manifest_option,
    network_options,
    precision_option,
    workers_option,
    workspace_option,
)
from aqa.workspace import Workspace


@click.command()
@workspace_option
@network_options
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
    quiet: bool,
    **network: Any,
) -> None:
    """Turn the videos of the manifest into clip features, each once.

    A killed run goes on where it stopped. A video that fails is reported at the end and stops
    none of the others; the exit code is then 1.
    """
    size = _batch_size(batch_size)
    from aqa.extract.damage import DecoderLog

    log = DecoderLog()
    from aqa.extract.progress import BarProgress
    from aqa.extract.run import extract as run
    from aqa.features.manifest import Manifest

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
    click.echo(
        f"{path}: {len(summary.done)} videos extracted ({summary.n_clips} clips), "
        f"{len(summary.reused)} reused, {len(summary.failed)} failed"
    )
    for video_id, reason in summary.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)
    if summary.failed:
        sys.exit(1)


def _batch_size(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r} is not a positive whole number or auto")
    return int(text)


COMMAND = extract

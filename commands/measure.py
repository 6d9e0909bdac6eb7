"""`aqa measure`: what a person can see in a movement, from joints."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from aqa.commands.options import FILE, json_option, manifest_option, workspace_option
from aqa.workspace import Workspace


@click.command()
@workspace_option
@click.argument("names", metavar="[ID|VIDEO]...", nargs=-1)
@click.option(
    "--aspects",
    "which",
    required=True,
    metavar="diving|squat|FILE.toml",
    help="What to measure: a built-in set, or a file; see docs/measure.md.",
)
@click.option(
    "--poses",
    type=click.Path(path_type=Path),
    help="Folder of joints named by the videos' ids, or a store of them [default: the manifest's "
    "column poses].",
)
@click.option(
    "--split",
    help="Compare with the training videos of this split [default: the manifest's first].",
)
@click.option(
    "--still-camera",
    is_flag=True,
    help="The camera does not move: measure also how far the body travels.",
)
@click.option("--no-pixels", is_flag=True, help="Look at joints alone, not at frames of videos.")
@click.option("--output", type=FILE, help="CSV to write [default: aspects-<set>.csv].")
@click.option("--store", type=FILE, help="Store to write [default: stores/aspects-<set>.h5].")
@click.option("--force", is_flag=True, help="Replace a store that exists.")
@manifest_option
@json_option
@click.pass_obj
def measure(
    workspace: Workspace,
    names: tuple[str, ...],
    which: str,
    poses: Path | None,
    split: str | None,
    still_camera: bool,
    no_pixels: bool,
    output: Path | None,
    store: Path | None,
    force: bool,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Measure angles, distances and times that a person can check, by the joints.

    Without ID all videos of the manifest are measured, and written as a table (a row per video
    and aspect: value, unit, the frame where it is worst, confidence, percentile among training
    videos of the type) and as a store with one row per video, on which any head can be fitted:
    `aqa fit --head aspects --store stores/aspects-diving.h5`.

    With IDs, or files of videos that need no manifest, what is seen of these is printed, and
    nothing is written but --output. The joints of a file are looked for in the folder poses, where
    `aqa poses VIDEO` writes them.
    """
    from aqa.commands.measure_options import chosen_or_files
    from aqa.extract.progress import ExtractionBar
    from aqa.features.aspects.read import load_aspects
    from aqa.files import write_rows
    from aqa.report.aspects_table import summary_table, videos_text
    from aqa.workflows.measure.run import BACKBONE, measure_videos, table_rows, write_store

    definition = load_aspects(which)
    table = manifest or workspace.manifest
    written_to = workspace.root / "poses"
    annotated, ids = chosen_or_files(names, table, manifest is not None, poses, written_to)
    name = f"{BACKBONE}-{definition.name}"
    path = store or workspace.store(name)
    if not ids and path.exists() and not force:
        raise click.UsageError(
            f"{path}: it exists; replace it with --force, or name another file with --store"
        )
    compared_in = split or next(iter(annotated.split_names), None)
    if compared_in is not None:
        annotated.split(compared_in)
    compared = annotated.split(compared_in).train if compared_in and ids else ()
    with ExtractionBar() as progress:
        found = measure_videos(
            annotated.videos,
            definition,
            poses,
            only={*ids, *compared},
            pixels=not no_pixels,
            still_camera=still_camera,
            progress=progress,
        )
    for video_id, reason in found.failed:
        click.echo(f"failed: {video_id}: {reason}", err=True)
    rows = table_rows(found, annotated, compared_in, ids)
    written = output or (None if ids else workspace.root / f"{name}.csv")
    if not ids:
        write_store(found, path, force)
    if written is not None:
        write_rows(written, rows)
    if as_json:
        told = {"aspects": rows, "warnings": found.warnings, "failed": dict(found.failed)}
        click.echo(json.dumps(told, indent=1))
    else:
        click.echo(videos_text(found, rows) if ids else summary_table(found))
    for line in found.warnings:
        click.echo(f"warning: {line}", err=True)
    if not ids:
        click.echo(f"{len(found.videos)} videos written to {path} and {written}", err=True)
    if compared_in is not None and not as_json:
        click.echo(f"compared with the training videos of split {compared_in}", err=True)
    if found.failed:
        sys.exit(1)


COMMAND = measure

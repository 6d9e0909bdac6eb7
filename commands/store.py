"""`aqa store`: show and check feature stores; import and export features."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aqa.commands.options import FILE, json_option, manifest_option, open_store, workspace_option
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.features.store import FeatureStore


@click.group(short_help="Show and check feature stores; import and export features.")
def store() -> None:
    """Show and check feature stores; import and export features."""


@store.command()
@click.argument("path", type=FILE)
@json_option
def info(path: Path, as_json: bool) -> None:
    """Show what a store holds and how it was made.

    --json prints every setting and the ids of all videos.
    """
    from aqa.report.tables import table

    with open_store(path) as opened:
        if as_json:
            content = {"spec": opened.spec, "provenance": opened.provenance, "ids": opened.ids}
            click.echo(json.dumps(content, indent=1))
        else:
            click.echo(f"{path}\n{table(_summary(opened), left=2)}")


# Keys of a spec and of a store's provenance, and how they are shown.
_CLIPS = {
    "clip_length": "{} frames per clip",
    "window": "spread over {}",
    "stride": "a new clip every {} frames",
    "frames": "{} frames of every video",
    "padding": "padding at the {}",
    "tail": "tail: {}",
}
_MADE = {"created": "{}", "aqa": "aqa {}", "device": "on {}", "torch": "torch {}"}


def _summary(store: FeatureStore) -> list[list[str]]:
    """What a store holds, as rows of a name and a text."""
    from tqdm import tqdm

    spec, weights = store.spec, store.spec.get("weights") or {}
    fitted_on, sha256 = weights.get("fitted_on"), weights.get("sha256")
    about_weights = [
        *([weights["name"]] if weights.get("name") else []),
        *([f"sha256 {sha256[:12]}..."] if sha256 else []),
        *([] if fitted_on is None else [f"ids of {len(fitted_on)} training videos known"]),
    ]
    layer = [f"layer {spec['layer']}"] if spec.get("layer") else []
    return [
        ["backbone", spec.get("backbone", "not known")],
        *([["MADE UP", spec["made_up"]]] if spec.get("made_up") else []),
        ["weights", ", ".join(about_weights) or "not known"],
        ["features", ", ".join([*layer, f"shape {store.shape}", spec["dtype"]])],
        *_engine(spec),
        ["clip rule", _shown(_CLIPS, spec) or "not known"],
        ["augmentations", ", ".join(store.augmentations)],
        ["videos", str(len(store))],
        ["clips", str(store.n_clips)],
        ["file size", tqdm.format_sizeof(store.path.stat().st_size, "B")],
        ["made", _shown(_MADE, store.provenance)],
    ]


def _engine(spec: Mapping[str, Any]) -> list[list[str]]:
    """What ran the network, where that was not PyTorch in float32."""
    engine, precision = spec.get("engine"), spec.get("precision") or "float32"
    if engine is None:
        return [] if precision == "float32" else [["precision", precision]]
    drift = f"features differ from PyTorch's in float32 by {engine['drift']:.2g} of their length"
    told = [precision, f"by {engine['name']}", drift]
    if "file" in engine:
        videos = len(engine.get("calibrated_on", []))
        told.append(f"network in {engine['file']}, calibrated on clips of {videos} videos")
    return [["precision", ", ".join(told)]]


def _shown(texts: Mapping[str, str], values: Mapping[str, Any]) -> str:
    return ", ".join(text.format(values[key]) for key, text in texts.items() if values.get(key))


@store.command()
@click.argument("path", type=FILE)
def verify(path: Path) -> None:
    """Read and check all features of a store.

    The exit code is 1 if anything is wrong.
    """
    with open_store(path) as opened:
        problems = opened.verify()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{path}: {len(opened)} videos, {opened.n_clips} clips, all sound")
    if opened.uncovered:
        click.echo(f"{path}: {opened.uncovered}")


@store.command()
@click.argument("path", type=FILE)
def checksum(path: Path) -> None:
    """Add the checksums that a store of an earlier version lacks.

    They are of what the store holds now. It is written anew and put in place in one step, so that
    a kill leaves the old one.
    """
    from aqa.features.store import add_checksums

    added = add_checksums(path)
    click.echo(f"{path}: " + ("checksums added" if added else "it has all checksums already"))


@store.command()
@workspace_option
@click.argument("parts", nargs=-1, required=True, type=FILE)
@click.option("-o", "--output", type=FILE, required=True, help="Store to make.")
@click.option(
    "--partial", is_flag=True, help="Merge what there is, where shares or videos are missing."
)
@manifest_option
@click.pass_obj
def merge(
    workspace: Workspace,
    parts: tuple[Path, ...],
    output: Path,
    partial: bool,
    manifest: Path | None,
) -> None:
    """Put stores that were made with the same settings together into one.

    PARTS are those of `aqa extract --shard K/N`. Videos come in the order of the manifest, with
    features, checksums and all that is known of them as they are; those of no manifest come last.
    A video that two parts hold alike is taken once. Parts that were made in other ways are refused.

    The output is written in one step. One that is there already keeps its videos, so that the same
    command adds those of parts that have come or grown since.

    Where one of the N shares has no part, nothing is written, and the exit code is 1. Where videos
    of the manifest are in no part, such as those that failed, the others are written, and the exit
    code is 1. With --partial both are told and the exit code is 0.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.errors import listed
    from aqa.extract.run import extraction_order
    from aqa.features.store import merge_stores

    table = manifest or workspace.manifest
    known = manifest is not None or table.is_file()
    ids = [video.id for video in extraction_order(Manifest.read(table).videos)] if known else []
    merged = merge_stores(parts, output, ids, partial=partial)
    missing: list[str] = []
    click.echo(f"{output}: {merged.n_videos} videos, {merged.n_added} of them new")
    if known:
        with open_store(output) as opened:
            missing = [video_id for video_id in ids if video_id not in opened]
        if missing:
            click.echo(
                f"{table}: {len(missing)} videos are in no part: {listed(missing)}", err=True
            )
    else:
        click.echo(f"{table} is not there: videos are in the order of the parts", err=True)
    if merged.missing:
        click.echo(f"no part of the shards {listed(merged.missing)}", err=True)
    if missing and not partial:
        sys.exit(1)


@store.command(name="import")
@workspace_option
@click.argument("features", type=click.Path(path_type=Path))
@click.option("--ids", type=FILE, help="Text file with the ids of a .npy's rows, one per line.")
@click.option("--store", "path", type=FILE, help="Store to make [default: stores/FEATURES.h5].")
@click.option(
    "--dataset",
    metavar="NAME",
    help="Array with the features, of an HDF5 file or of each .npz.",
)
@click.option("--fps", type=float, help="Frames per second, so that feedback tells seconds.")
@click.option("--clip-length", type=int, help="Frames that each row is of.")
@click.option(
    "--window",
    type=int,
    help="Rows are frames: put so many together as a clip (mean and standard deviation).",
)
@click.option(
    "--stride",
    type=int,
    help="Frames from one clip to the next [default: as long as the clip].",
)
@click.option(
    "--fitted-on",
    type=FILE,
    help="Text file with the ids of videos that the network behind the features was trained on.",
)
@click.pass_obj
def import_(
    workspace: Workspace,
    features: Path,
    ids: Path | None,
    path: Path | None,
    dataset: str | None,
    fps: float | None,
    clip_length: int | None,
    window: int | None,
    stride: int | None,
    fitted_on: Path | None,
) -> None:
    """Make a store from features that were computed elsewhere.

    FEATURES is a folder of one .npy or .npz (clips, dim) per video, named after its id, or of
    tables (.csv, .txt) with a row per clip or frame; a .npz with one array per id; a .npy of shape
    (videos, dim) or (videos, clips, dim), with --ids; or an HDF5 file of another tool. Nothing
    pickled is read.
    """
    from aqa.features.arrays import read_ids
    from aqa.features.elsewhere import RowTiming, cut, read_features
    from aqa.features.store import import_arrays

    timing = RowTiming(fps, clip_length, stride, window)
    timed = cut(read_features(features, read_ids(ids) if ids else None, dataset), timing)
    path = path or workspace.store(features.stem)
    trained_on = read_ids(fitted_on) if fitted_on else None
    if trained_on is not None:
        known = sum(i in timed for i in trained_on)
        warning = "" if known else "warning: "
        click.echo(
            f"{warning}{known} of the {len(trained_on)} ids in {fitted_on} are imported", err=True
        )
    import_arrays(
        path,
        {i: one.features for i, one in timed.items()},
        source=f"imported:{features.name}",
        fitted_on=trained_on,
        clips={i: (one.clips, one.n_frames) for i, one in timed.items()},
        clip_length=timing.length,
        stride=timing.step,
        fps=fps,
    )
    click.echo(f"{path}: {len(timed)} videos imported")
    if fps is None and any(len(one.clips) > 1 for one in timed.values()):
        click.echo("seconds are not known: --clip-length and --fps tell them", err=True)


@store.command(name="stand-in")
@workspace_option
@manifest_option
@click.option("--clips", type=click.IntRange(1), required=True, help="Clips of each video.")
@click.option(
    "--features", required=True, metavar="SHAPE", help="Shape of a clip's feature: 4096, 512x2x7x7."
)
@click.option("--store", "path", type=FILE, help="Store to make [default: stores/stand-in.h5].")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the numbers.")
@click.pass_obj
def stand_in(
    workspace: Workspace,
    manifest: Path | None,
    clips: int,
    features: str,
    path: Path | None,
    seed: int,
) -> None:
    """Make a store of random numbers, where the videos are not at hand.

    Every video of the manifest gets features of the right shape, so that splits, heads and what
    follows can be tried on labels alone. They know nothing of the videos, so a head on them can
    only be at chance; the store, every run and every result say that they are made up.
    """
    from aqa.annotations.manifest import Manifest
    from aqa.features.elsewhere.stand_in import NAME, parse_shape, write_stand_in

    ids = Manifest.read(manifest or workspace.manifest).ids
    path = path or workspace.store(NAME)
    write_stand_in(path, ids, clips, parse_shape(features), seed)
    click.echo(f"{path}: random numbers for {len(ids)} videos; what is fitted on them is no result")


@store.command()
@click.argument("path", type=FILE)
@click.argument("output", type=FILE)
@click.option(
    "--view",
    default="original",
    show_default=True,
    help="Augmentation whose features to write; `aqa store info` lists those of a store.",
)
def export(path: Path, output: Path, view: str) -> None:
    """Write the features of a store to OUTPUT, for NumPy.

    OUTPUT is a .npz, with one array (clips, dim) per id; or a .npy (videos, clips, dim), where all
    videos have the same number of clips, with the ids beside it in a text file.
    """
    from aqa.features.arrays import write_arrays

    with open_store(path) as opened:
        for written in write_arrays(opened.augmented(view), output):
            click.echo(str(written))


COMMAND = store

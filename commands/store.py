"""`aqa store`: look into feature stores, bring features in and out."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.options import FILE, json_option, open_store, workspace_option
from aqa.workspace import Workspace

if TYPE_CHECKING:
    from aqa.features.store import FeatureStore


@click.group(short_help="Look into feature stores; bring features in and out.")
def store() -> None:
    """Look into feature stores, check them, and bring features in and out."""


@store.command()
@click.argument("path", type=FILE)
@json_option
def info(path: Path, as_json: bool) -> None:
    """What a store holds, and how it was made; --json tells every setting and all ids."""
    from aqa.report.tables import table

    with open_store(path) as opened:
        if as_json:
            content = {"spec": opened.spec, "provenance": opened.provenance, "ids": opened.ids}
            click.echo(json.dumps(content, indent=1))
        else:
            click.echo(f"{path}\n{table(_summary(opened), left=2)}")


def _summary(store: FeatureStore) -> list[list[str]]:
    from tqdm import tqdm

    spec, weights = store.spec, store.spec.get("weights") or {}
    seen, sha256 = weights.get("fitted_on"), weights.get("sha256")
    of_weights = [
        *([weights["name"]] if weights.get("name") else []),
        *([f"sha256 {sha256[:12]}..."] if sha256 else []),
        *([] if seen is None else [f"learned from {len(seen)} videos"]),
    ]
    of_layer = [spec["layer"]] if spec.get("layer") else []
    rule = ("clip_length", "stride", "frames", "padding", "tail")
    of_clips = [f"{name.replace('_', ' ')} {spec[name]}" for name in rule if spec.get(name)]
    origin = ("created", "aqa", "device", "torch")
    of_origin = [f"{name} {store.provenance[name]}" for name in origin if name in store.provenance]
    return [
        ["backbone", spec.get("backbone", "not known")],
        ["weights", ", ".join(of_weights) or "not known"],
        ["features", ", ".join([*of_layer, f"shape {store.shape}", spec["dtype"]])],
        ["clip rule", ", ".join(of_clips) or "not known"],
        ["views", ", ".join(store.views)],
        ["videos", str(len(store))],
        ["clips", str(store.n_clips)],
        ["size", tqdm.format_sizeof(store.path.stat().st_size, "B")],
        ["made", ", ".join(of_origin)],
    ]


@store.command()
@click.argument("path", type=FILE)
def verify(path: Path) -> None:
    """Read all features of a store and check them; exit code 1 if anything is wrong."""
    with open_store(path) as opened:
        problems = opened.verify()
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    click.echo(f"{path}: {len(opened)} videos, {opened.n_clips} clips, all sound")


@store.command(name="import")
@workspace_option
@click.argument("features", type=FILE)
@click.option("--ids", type=FILE, help="Ids of the rows of a .npy, one a line.")
@click.option("--store", "path", type=FILE, help="Store to make [default: stores/<name>.h5].")
@click.option("--fitted-on", type=FILE, help="Ids of videos the network behind them learned from.")
@click.pass_obj
def import_(
    workspace: Workspace,
    features: Path,
    ids: Path | None,
    path: Path | None,
    fitted_on: Path | None,
) -> None:
    """Make a store from FEATURES, a .npy (videos, dim) or (videos, clips, dim), or a .npz."""
    from aqa.features.arrays import read_arrays, read_ids
    from aqa.features.store import import_arrays

    arrays = read_arrays(features, read_ids(ids) if ids else None)
    path = path or workspace.store(features.stem)
    seen = read_ids(fitted_on) if fitted_on else None
    if seen is not None:
        known = sum(i in arrays for i in seen)
        warning = "" if known else "warning: "
        click.echo(f"{warning}{known} of the {len(seen)} ids in {fitted_on} are imported", err=True)
    import_arrays(path, arrays, source=f"imported:{features.name}", fitted_on=seen)
    click.echo(f"{path}: {len(arrays)} videos imported")


@store.command()
@click.argument("path", type=FILE)
@click.argument("output", type=FILE)
@click.option("--view", default="original", show_default=True, help="View of the videos to write.")
def export(path: Path, output: Path, view: str) -> None:
    """Write a store's features to OUTPUT, a .npz (one array an id) or a .npy."""
    from aqa.features.arrays import write_arrays

    with open_store(path) as opened:
        for written in write_arrays(opened.view(view), output):
            click.echo(str(written))


COMMAND = store

"""`aqa weights`: public checkpoints."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aqa.commands.network_options import fetch_checkpoint, fetch_networks
from aqa.commands.options import FILE, FOLDER, json_option

if TYPE_CHECKING:
    from aqa.extract.checkpoints.packaged_networks import PackagedNetworks
    from aqa.extract.checkpoints.records import Checkpoint

_POSE = "pose"


@click.group(short_help="List, fetch, check and inspect public checkpoints.")
def weights() -> None:
    """Public checkpoints: which there are, fetch one, tell what a file is."""


@weights.command(name="list")
@click.argument("backbones", nargs=-1, metavar="[BACKBONE]...")
@json_option
def list_weights(backbones: tuple[str, ...], as_json: bool) -> None:
    """List the public checkpoints that the backbones load.

    name: it begins with the backbone's. frames: per clip. fetch: whether it is in the cache, `aqa
    weights fetch` downloads it, or it must be downloaded by hand. Without --weights, a backbone
    takes the first that it has here. Of each BACKBONE that is named, all that is known: address,
    size, SHA-256, licence. Those of `pose` estimate joints, see `aqa poses`.
    """
    from aqa.extract.checkpoints.cache import default_cache
    from aqa.extract.checkpoints.catalogue import checkpoints_of, known_checkpoints
    from aqa.extract.checkpoints.packaged_networks import PACKAGED
    from aqa.report.tables import table

    networks = [name for name in backbones if name != _POSE]
    known = checkpoints_of(networks) if backbones else known_checkpoints()
    packaged = list(PACKAGED.values()) if _POSE in backbones or not backbones else []
    own = [line for name in networks for line in _unpublished(name)]
    if as_json:
        records = [*map(dataclasses.asdict, known), *map(_packaged_record, packaged)]
        click.echo(json.dumps(records, indent=1))
        return
    if backbones:
        described = [_in_full(one, default_cache()) for one in known]
        described += [_packaged_in_full(one, default_cache()) for one in packaged]
        click.echo("\n\n".join([*described, *own]))
        return
    rows = [
        [
            *(checkpoint.name, str(checkpoint.clip_length), checkpoint.pretraining),
            *(_licence(checkpoint), _place(checkpoint, default_cache())),
        ]
        for checkpoint in known
    ]
    rows += [
        [one.name, "1", one.pretraining, one.licence, _packaged_place(one, default_cache())]
        for one in packaged
    ]
    header = ["name", "frames", "pretrained on", "licence", "fetch"]
    click.echo(table(rows, header, left=5))
    click.echo("\n`aqa weights list BACKBONE` tells address, size and SHA-256 too.")


def _unpublished(backbone: str) -> list[str]:
    """A line on where the weights of a backbone without public checkpoints come from."""
    from aqa.extract.backbones import get_architecture

    architecture = get_architecture(backbone)
    if architecture.checkpoints:
        return []
    if architecture.shipped is not None:
        return [f"{backbone}: its weights come with this package; there is nothing to fetch"]
    return [f"{backbone}: no weights are published; name a file of them with --weights"]


def _in_full(checkpoint: Checkpoint, cache: Path) -> str:
    """All that is known of a checkpoint, under its name."""
    from aqa.extract.checkpoints.progress import in_bytes
    from aqa.report.tables import table

    sha256 = checkpoint.sha256 or "not known"
    rows = [
        ["backbone", f"{checkpoint.backbone}, clips of {checkpoint.clip_length} frames"],
        ["pretrained on", checkpoint.pretraining],
        ["licence", checkpoint.told_licence],
        ["file", checkpoint.file],
        ["size", in_bytes(checkpoint.size) if checkpoint.size else "not known"],
        ["SHA-256", sha256 if len(sha256) != 8 else f"begins with {sha256}"],
        ["fetch", _place(checkpoint, cache)],
    ]
    # The address is never broken, so that it can be copied.
    return f"{checkpoint.name}\n{table(rows, left=2)}\n{checkpoint.url}"


def _packaged_record(known: PackagedNetworks) -> dict[str, object]:
    files = [
        {**dataclasses.asdict(file), "url": file.package.url, "from": file.package.told}
        for file in known.files
    ]
    return {"backbone": _POSE, **dataclasses.asdict(known), "files": files}


def _packaged_in_full(known: PackagedNetworks, cache: Path) -> str:
    """All that is known of networks of a package, under their name."""
    from aqa.extract.checkpoints.progress import in_bytes
    from aqa.report.tables import table

    rows = [
        ["backbone", f"{_POSE}: they estimate joints, see `aqa poses`"],
        ["pretrained on", known.pretraining],
        ["licence", known.licence],
        *(["lie in", f"{one.told}, {in_bytes(one.size)}"] for one in known.packages),
        *([one.name, in_bytes(one.size)] for one in known.files),
        ["fetch", _packaged_place(known, cache)],
    ]
    hashes = [f"{one.sha256}  {one.name}" for one in known.files]
    addresses = [package.url for package in known.packages]
    return "\n".join([known.name, table(rows, left=2), *hashes, *addresses])


def _packaged_place(known: PackagedNetworks, cache: Path) -> str:
    return "is here" if all(path.is_file() for path in known.paths(cache)) else "yes"


def _licence(checkpoint: Checkpoint) -> str:
    """The licence without whose it is."""
    return (checkpoint.licence or "not known").partition(" (")[0]


def _place(checkpoint: Checkpoint, cache: Path) -> str:
    if (cache / checkpoint.file).is_file():
        return "is here"
    return "by hand" if checkpoint.by_hand else "yes"


@weights.command()
@click.argument("name")
def show(name: str) -> None:
    """Print all that is known of the public checkpoint NAME, as JSON."""
    from aqa.extract.backbones import get_architecture
    from aqa.extract.checkpoints.catalogue import find_checkpoint
    from aqa.extract.checkpoints.packaged_networks import PACKAGED

    if name in PACKAGED:
        click.echo(json.dumps(_packaged_record(PACKAGED[name]), indent=1))
        return
    checkpoint = find_checkpoint(name)
    preprocess = get_architecture(checkpoint.backbone).profile(checkpoint.profile)
    record = {**dataclasses.asdict(checkpoint), "preprocess": preprocess.to_dict()}
    click.echo(json.dumps(record, indent=1))


@weights.command()
@click.argument("name")
@click.option(
    "--cache", type=FOLDER, help="Folder to keep it in [default: AQA_CACHE or ~/.cache/aqa]."
)
def fetch(name: str, cache: Path | None) -> None:
    """Download the public checkpoint NAME, check it, and print its path.

    blazepose-full, the networks of `aqa poses`, lies in a package of PyPI, which pip downloads
    without installing it.
    """
    from aqa.extract.checkpoints.packaged_networks import PACKAGED

    paths = fetch_networks(name, cache) if name in PACKAGED else [fetch_checkpoint(name, cache)]
    click.echo("\n".join(map(str, paths)))


@weights.command(name="verify")
@click.argument("path", type=FILE)
def verify_weights(path: Path) -> None:
    """Say which public checkpoint a file is, by its hash; exit code 1 if it is none."""
    from aqa.extract.checkpoints.inspection import verify as run
    from aqa.extract.checkpoints.packages import packaged_file

    known = packaged_file(path)
    name = run(path).name if known is None else known
    click.echo(f"{path}: {name}, by its SHA-256")


@weights.command()
@click.argument("path", type=FILE)
def inspect(path: Path) -> None:
    """Print what is in a checkpoint file, as JSON.

    That is its backbone, layout, preprocessing, clip length, number of classes and more; several
    profiles or clip_lengths are there where the file does not tell which.
    """
    from aqa.extract.checkpoints.inspection import inspect as run

    record = dataclasses.asdict(run(path))
    click.echo(json.dumps(record | {"path": str(path)}, indent=1))


COMMAND = weights

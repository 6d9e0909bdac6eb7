"""`aqa weights`: public checkpoints."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from aqa.commands.options import FILE, FOLDER, fetch_checkpoint, json_option


@click.group(short_help="List, fetch, check and inspect public checkpoints.")
def weights() -> None:
    """Public checkpoints: which there are, fetch one, tell what a file is."""


@weights.command(name="list")
@json_option
def list_weights(as_json: bool) -> None:
    """The public checkpoints whose files the backbones load."""
    from aqa.extract.checkpoints.public import known_checkpoints
    from aqa.report.tables import table

    known = known_checkpoints()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in known], indent=1))
        return
    rows = [
        [
            *(one.name, one.backbone, str(one.clip_length), one.pretraining),
            "by hand" if one.by_hand else "yes",
        ]
        for one in known
    ]
    click.echo(table(rows, ["name", "backbone", "frames", "pretrained on", "fetch"], left=5))


@weights.command()
@click.argument("name")
def show(name: str) -> None:
    """All that is known of the public checkpoint NAME."""
    from aqa.extract.backbones import get_architecture
    from aqa.extract.checkpoints.public import find_checkpoint

    found = find_checkpoint(name)
    layout = get_architecture(found.backbone).layout(found.layout)
    record = {**dataclasses.asdict(found), "preprocess": layout.preprocess.to_dict()}
    click.echo(json.dumps(record, indent=1))


@weights.command()
@click.argument("name")
@click.option("--cache", type=FOLDER, help="Where to keep it [default: AQA_CACHE or ~/.cache/aqa].")
def fetch(name: str, cache: Path | None) -> None:
    """Download the public checkpoint NAME, check it, and say where it lies."""
    click.echo(str(fetch_checkpoint(name, cache)))


@weights.command(name="verify")
@click.argument("path", type=FILE)
def verify_weights(path: Path) -> None:
    """Say which public checkpoint a file is, by its hash; exit code 1 if it is none."""
    from aqa.extract.checkpoints.public import verify as run

    click.echo(f"{path}: {run(path).name}, by its SHA-256")


@weights.command()
@click.argument("path", type=FILE)
def inspect(path: Path) -> None:
    """Say what is in a checkpoint file: backbone, layout, clip length, class count."""
    from aqa.extract.checkpoints.public import inspect as run

    found = dataclasses.asdict(run(path))
    click.echo(json.dumps(found | {"path": str(path)}, indent=1))


COMMAND = weights

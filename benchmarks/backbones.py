"""Every backbone in every checkpoint layout: loads strictly, refuses strictly, takes real videos.

    python benchmarks/backbones.py VIDEO... [--layouts FOLDER] [--backbone NAME]...

Writes random weights under each layout's own names, with a classifier, and loads them with
`aqa extract --weights` as a user would, up to the deepest layer that the layout holds.
Damaged copies of the file must each be refused in one line; the first backbone's are printed.
`--layouts` is a folder of JSON files of published keys and shapes, as `{"keys": {name: shape}}`;
where a layout is among them, names, shapes and count must be the publisher's.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import torch

from aqa.annotations.manifest import write_manifest
from aqa.benchmarks.extract import machine
from aqa.extract.backbones import backbone_names, get_architecture, load_backbone
from aqa.extract.backbones.architecture import Architecture
from aqa.extract.checkpoints.hub import CONFIG
from aqa.extract.checkpoints.layouts import Layout, State
from aqa.extract.checkpoints.recognition import identify
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.state_files import without_prefixes
from aqa.features.store import FeatureStore

Shapes = Mapping[str, tuple[int, ...]]
_NOT_LEARNED = ("running_mean", "running_var", "num_batches_tracked")


def published(folder: Path | None) -> dict[tuple[str, str], Shapes]:
    """(backbone, layout) -> the publisher's keys and shapes."""
    found: dict[tuple[str, str], Shapes] = {}
    for path in sorted(folder.glob("*.json")) if folder else ():
        keys = without_prefixes(json.loads(path.read_text())["keys"])
        shapes = {key: tuple(shape) for key, shape in keys.items()}
        with torch.device("meta"):
            owner = identify({key: torch.empty(shape) for key, shape in shapes.items()})
        if owner is None:
            raise click.ClickException(f"{path}: a layout of no backbone")
        found[owner[0].name, owner[1].name] = shapes
    return found


def learned(shapes: Shapes) -> int:
    """Numbers that are learned."""
    return sum(math.prod(v) for k, v in shapes.items() if not k.endswith(_NOT_LEARNED))


def checkpoint(architecture: Architecture, layout: Layout) -> State:
    """Random weights of sensible size under the layout's names."""
    if layout.build is None:
        net = load_backbone(architecture.name, "random", layout.last_layer).net
    else:  # of a network of its own
        net = layout.build(layout.last_layer)
    return layout.taken_apart(net.state_dict())


class _Malicious:
    def __init__(self, witness: Path):
        self.witness = witness

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.witness),)


def refusals(name: str, other: str, state: State, folder: Path) -> dict[str, str]:
    """What is wrong with a file -> the line that refuses it; every one must be."""
    witness, path = folder / "code-ran", folder / f"{name}.pth"
    first = next(key for key, value in state.items() if value.ndim >= 4)

    def truncate() -> None:
        torch.save(state, path)
        os.truncate(path, path.stat().st_size // 2)

    def spoilt() -> None:
        weight = state[first].clone()
        weight.view(-1)[0] = math.nan
        torch.save(state | {first: weight}, path)

    renamed = {f"{key}_" if key == first else key: value for key, value in state.items()}
    faults: dict[str, Callable[[], object]] = {
        "of another network": lambda: torch.save(state, path),
        "truncated": truncate,
        "renamed": lambda: torch.save(renamed, path),
        "not finite": spoilt,
        "would run code": lambda: path.write_bytes(pickle.dumps(_Malicious(witness), 2)),
    }
    lines = {}
    for fault, write in faults.items():
        write()
        try:
            load_backbone(other if fault == "of another network" else name, path)
        except WeightsError as error:
            lines[fault] = str(error).replace(str(path), path.name)
        else:
            raise click.ClickException(f"{name}: a file that is {fault} was loaded")
    if witness.exists():
        raise click.ClickException(f"{name}: a pickle ran code")
    path.unlink()
    return lines


def through_the_command(
    name: str, weights: Path, layer: str, videos: tuple[Path, ...], folder: Path
) -> tuple[str, float]:
    """`aqa extract` over the videos: clips of each, and seconds in all."""
    manifest, store = folder / "manifest.csv", folder / "features.h5"
    rows = [{"video_id": p.stem, "path": str(p.resolve()), "score": 0} for p in videos]
    write_manifest(manifest, rows)
    started = time.perf_counter()
    command = ["extract", "--backbone", name, "--weights", str(weights), "--layer", layer]
    paths = ["--manifest", str(manifest), "--store", str(store)]
    subprocess.run([sys.executable, "-m", "aqa", *command, *paths], check=True, capture_output=True)
    seconds = time.perf_counter() - started
    with FeatureStore.open(store) as opened:
        shapes = [opened[path.stem].shape for path in videos]
    store.unlink()
    return ", ".join(" x ".join(map(str, shape)) for shape in shapes), seconds


def examine(
    architecture: Architecture,
    layout: Layout,
    theirs: Shapes | None,
    other: str,
    videos: tuple[Path, ...],
    folder: Path,
) -> tuple[str, dict[str, str]]:
    """The table's row of a layout, and what its damaged files are refused with.

    theirs: as it is published, where known. other: a backbone that its file is not of.
    """
    name = architecture.name
    state = checkpoint(architecture, layout)
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    if theirs is not None:
        body = {k: v for k, v in theirs.items() if not k.startswith(layout.classifier)}
        if {k: v for k, v in shapes.items() if k in body} != body:
            raise click.ClickException(f"{name}, {layout.name}: not as published")
        state |= {k: torch.zeros(v) for k, v in theirs.items() if k not in body}
    lines = refusals(name, other, state, folder)
    path = folder / f"{name}.pth"
    if layout.hub is not None:
        path.with_name(CONFIG).write_text("{}")
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, path)
    clips, seconds = through_the_command(name, path, layout.last_layer, videos, folder)
    count = f"{learned(theirs):,}" if theirs else ""
    return (
        f"| `{name}` | {layout.name} | {learned(shapes):,} | {count} | {clips} | {seconds:.0f} s |",
        lines,
    )


@click.command()
@click.argument("videos", type=click.Path(path_type=Path, exists=True), nargs=-1, required=True)
@click.option("--layouts", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--backbone", "asked", multiple=True, type=click.Choice(backbone_names()))
def main(videos: tuple[Path, ...], layouts: Path | None, asked: tuple[str, ...]) -> None:
    """Print a row per backbone and layout, then the lines of the first one's refusals."""
    click.echo(machine())
    shown = ", ".join(path.name for path in videos)
    click.echo(f"| backbone | layout | learned | as published, whole | {shown} | `aqa extract` |")
    known = published(layouts)
    names = [name for name in backbone_names() if get_architecture(name).checkpoints]
    refused: dict[str, str] = {}
    for name in asked or names:
        architecture = get_architecture(name)
        for layout in architecture.layouts:
            theirs = known.get((name, layout.name))
            with tempfile.TemporaryDirectory() as folder:
                other = "c3d" if name != "c3d" else "i3d"
                row, lines = examine(architecture, layout, theirs, other, videos, Path(folder))
            click.echo(row)
            refused = refused or lines
    for fault, line in refused.items():
        click.echo(f"{fault}: {line}")


if __name__ == "__main__":
    main()

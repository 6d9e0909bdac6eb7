"""What int8 does to features and to the scores that a head predicts.

    python benchmarks/int8.py MANIFEST [--backbone c3d ...] [--scores FLOAT32.h5 INT8.h5]

A row per backbone: the drift of an int8 network from float32 on clips that it was not calibrated
on, and processor seconds per clip of both, by OpenVINO on clips that are decoded. --scores takes
two stores of the manifest's videos and prints, over the test videos of each split, the Spearman of
heads fitted on float32 features, on int8 ones, and on float32 ones but fed int8 ones.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from aqa.annotations.manifest import Manifest
from aqa.benchmarks.extract import machine
from aqa.extract.backbones import backbone_names, load_backbone
from aqa.extract.engines.calibration import calibrating_videos, quantised
from aqa.extract.engines.int8_net import run
from aqa.extract.engines.openvino_net import compiled, converted, openvino
from aqa.extract.video.clip_reader import ClipReader
from aqa.features.store import FeatureStore
from aqa.metrics import spearman
from aqa.models.heads import get_head, head_names


def frames_of(manifest: Manifest, name: str, n: int) -> list[Any]:
    """So many clips, uint8 (T, H, W, 3), of training videos, four of each at most."""
    backbone = load_backbone(name, None if name == "tiny3d" else "random")
    clips: list[Any] = []
    for video in calibrating_videos(manifest.videos).videos:
        reader = ClipReader(video, backbone.preprocess, backbone.clip_rule(), 1)
        own = [one.frames for batch in reader for one in batch if one.frames is not None]
        clips += own[:: max(1, len(own) // 4)][:4]
        if len(clips) >= n:
            break
    if len(clips) < n:
        raise click.ClickException(f"{manifest.path}: {len(clips)} clips, not {n}; ask for fewer")
    return clips[:n]


def measure(manifest: Manifest, name: str, n: int, n_checked: int) -> None:
    backbone = load_backbone(name, None if name == "tiny3d" else "random")
    clips = frames_of(manifest, name, n + n_checked)
    started = time.process_time()
    network = quantised(backbone, clips[:n], clips[n:], ["clips"])
    took = time.process_time() - started
    inputs = [backbone.preprocess.normalise(torch.from_numpy(one[None])) for one in clips[n:]]
    model = openvino().Core().read_model(network.xml, network.weights)
    ways = {
        "float32": compiled(converted(backbone.net, inputs[0]), "float32").create_infer_request(),
        "int8": compiled(model, "float32").create_infer_request(),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    for one in inputs:
        for way, request in ways.items():
            run(request, one)  # warms up the caches for this way
            started = time.process_time()
            run(request, one)
            times[way].append(time.process_time() - started)
    exact, fast = (statistics.median(times[way]) for way in ways)
    n_bytes = (len(network.xml) + len(network.weights)) / 1e6
    click.echo(
        f"{name}: drift {network.record.drift:.2%} on {n_checked} clips, calibrated on {n} in "
        f"{took:.0f} s; seconds per clip {exact:.4f} in float32, {fast:.4f} in int8 "
        f"({exact / fast:.1f}x); file of {n_bytes:.1f} MB"
    )


def scores(manifest: Manifest, stores: tuple[Path, Path], heads: tuple[str, ...]) -> None:
    plain, fast = (FeatureStore.open(path) for path in stores)
    for head in heads:
        found: dict[str, list[float]] = {"float32": [], "int8": [], "float32, fed int8": []}
        moved: list[float] = []
        for name in manifest.split_names:
            split = manifest.split(name)
            learned, tested = (
                [manifest.by_id[i].score for i in ids] for ids in (split.train, split.test)
            )
            on_plain = get_head(head)().fit(plain.load(split.train), np.array(learned))
            on_fast = get_head(head)().fit(fast.load(split.train), np.array(learned))
            predicted = [
                on_plain.predict(plain.load(split.test)),
                on_fast.predict(fast.load(split.test)),
                on_plain.predict(fast.load(split.test)),
            ]
            for way, said in zip(found, predicted, strict=True):
                found[way].append(float(spearman(np.array(tested), said)))
            moved += np.abs(predicted[2] - predicted[0]).tolist()
        for way, values in found.items():
            each = " ".join(f"{value:.3f}" for value in values)
            click.echo(f"{head}, {way}: Spearman {np.mean(values):.4f} ({each})")
        click.echo(f"{head}: scores move by {np.mean(moved):.2f} points in the mean")


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True), metavar="MANIFEST")
@click.option("--backbone", "backbones", multiple=True, type=click.Choice(backbone_names()))
@click.option("--head", "heads", multiple=True, type=click.Choice(head_names()), default=["svr"])
@click.option("--clips", default=64, show_default=True, help="To calibrate on.")
@click.option("--checked", default=16, show_default=True, help="To measure the drift on.")
@click.option("--scores", "stores", nargs=2, type=click.Path(path_type=Path, exists=True))
def main(
    path: Path,
    backbones: tuple[str, ...],
    heads: tuple[str, ...],
    clips: int,
    checked: int,
    stores: tuple[Path, Path] | None,
) -> None:
    """Print a row per backbone, and Spearman per head."""
    click.echo(machine())
    manifest = Manifest.read(path)
    if stores:
        scores(manifest, stores, heads)
    for backbone in backbones:
        measure(manifest, backbone, clips, checked)


if __name__ == "__main__":
    main()

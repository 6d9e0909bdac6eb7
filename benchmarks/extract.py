"""Clips a second: `aqa extract` against the plain loop, in turn, decode to feature.

    python benchmarks/extract.py VIDEO [--backbone c3d] [--rounds 5]

The plain loop is what one writes first: decode all frames with OpenCV, resize, crop and normalise
them with NumPy, and show the network one clip at a time, eager, float32, channels first.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import cv2
import numpy as np
import torch

from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.base import Backbone
from aqa.extract.run import extract
from aqa.features.clips import ClipRule
from aqa.features.manifest import Video
from aqa.features.store import FeatureStore


def machine() -> str:
    """What the numbers were measured on."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((x.partition(":")[2].strip() for x in flags.splitlines() if "model name" in x), "")
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags]
    return (
        f"{model or platform.processor()}, {os.cpu_count()} cores ({' '.join(wide)}), "
        f"torch {torch.__version__} ({torch.get_num_threads()} threads), "
        f"OpenCV {cv2.__version__}, Python {platform.python_version()}"
    )


@torch.no_grad()
def plain_loop(path: Path, backbone: Backbone) -> np.ndarray:
    """Features of a video, clip by clip."""
    preprocess = backbone.preprocess
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        picture = preprocess.picture(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        frames.append((picture * np.float32(preprocess.scale) - preprocess.mean) / preprocess.std)
    video = np.stack(frames).astype(np.float32)
    return np.concatenate(
        [
            backbone(torch.from_numpy(video[start:stop].transpose(3, 0, 1, 2)[None].copy())).numpy()
            for start, stop in ClipRule(backbone.clip_length, backbone.clip_length).clips(
                len(video)
            )
        ]
    )


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True))
@click.option("--backbone", default="c3d", show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(video: Path, backbone: str, rounds: int) -> None:
    """Time both in turn and print medians and the ratio of each round."""
    weights = None if backbone == "tiny3d" else "random"
    plain, ours = (load_backbone(backbone, weights) for _ in range(2))
    videos = [Video("video", video, 0.0)]
    times: dict[str, list[float]] = {"plain loop": [], "aqa extract": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):  # the first warms up
            store = Path(folder) / f"{number}.h5"
            pair = (
                seconds(lambda: plain_loop(video, plain)),
                seconds(lambda store=store: extract(videos, ours, store)),
            )
            for name, value in zip(times, pair, strict=True):
                times[name] += [value] if number else []
        features = FeatureStore.open(store)["video"]
    drift = np.linalg.norm(features - plain_loop(video, plain)) / np.linalg.norm(features)
    click.echo(f"{machine()}\n{backbone}, {video.name}, {len(features)} clips, {rounds} rounds")
    for name, values in times.items():
        median = statistics.median(values)
        click.echo(f"{name:12} {median:7.3f} s  {len(features) / median:7.2f} clips/s")
    ratios = [a / b for a, b in zip(*times.values(), strict=True)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    click.echo(f"ratio        {middle:.2f} (from {low:.2f} to {high:.2f})")
    click.echo(f"relative L2 distance of the features: {drift:.1e}")


if __name__ == "__main__":
    main()

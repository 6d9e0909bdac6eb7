"""Seconds per clip, from decoding to feature: `aqa extract` against the plain loop, in turn.

    python benchmarks/extract.py VIDEO [--backbone c3d ...] [--rounds 5] [--copies 3]

The plain loop is what one writes first: decode all frames with OpenCV, resize, crop and normalise
them with NumPy, and show the network one clip at a time, eager, float32, channels first. It runs
in a process of its own, since what `aqa` tells the C library would speed it up too. OpenVINO, where
it is installed, runs the same network on the same clips, without their decoding. GFLOP/s count the
network's multiplications and additions; beside them stands what one large convolution reaches.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from aqa.annotations.manifest import Video
from aqa.extract.backbones import backbone_names, load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.inference import PrepackedConvolution
from aqa.extract.run import extract
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore


def machine() -> str:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = next((x.partition(":")[2].strip() for x in text.splitlines() if "model name" in x), "")
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in text]
    return (
        f"{model or platform.processor()}, {os.cpu_count()} cores ({' '.join(wide)}), "
        f"torch {torch.__version__} ({torch.get_num_threads()} threads), "
        f"OpenCV {cv2.__version__}, Python {platform.python_version()}"
    )


def decoded(path: Path, backbone: Backbone) -> list[np.ndarray]:
    """The clips of a video, normalised, float32 (1, 3, T, H, W) each."""
    preprocess = backbone.preprocess
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            break
        rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        frame = preprocess.resize_and_crop(rgb)
        frames.append((frame * np.float32(preprocess.scale) - preprocess.mean) / preprocess.std)
    video = np.stack(frames).astype(np.float32).transpose(3, 0, 1, 2)[None]
    rule = ClipRule(backbone.clip_length, backbone.clip_length)
    return [video[:, :, start:stop] for start, stop in rule.clips(len(frames))]


@torch.no_grad()
def plain_loop(path: Path, backbone: Backbone) -> np.ndarray:
    """Features of a video, clip by clip."""
    clips = (torch.from_numpy(clip.copy()) for clip in decoded(path, backbone))
    return np.concatenate([backbone(clip).numpy() for clip in clips])


def flop(backbone: Backbone) -> int:
    """Multiplications and additions of one clip."""
    clip = torch.zeros(1, 3, backbone.clip_length, *backbone.preprocess.crop)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        backbone(clip)
    return int(counter.get_total_flops())


@torch.inference_mode()
def attainable(dtype: torch.dtype) -> float:
    """GFLOP/s of one large 3x3x3 convolution, whose maps and weights fit the caches."""
    x = torch.randn(1, 256, 8, 28, 28).to(dtype).to(memory_format=torch.channels_last_3d)
    convolution = PrepackedConvolution(torch.nn.Conv3d(256, 256, 3, padding=1).to(dtype))
    took = min(seconds(lambda: convolution(x)) for _ in range(10))
    return 2 * 27 * 256 * x.numel() / took / 1e9


def openvino_loop(path: Path, backbone: Backbone, copies: int) -> Callable[[], Any]:
    """A call that runs all clips through OpenVINO, in float32."""
    import openvino

    clips = decoded(path, backbone)
    model = openvino.convert_model(backbone, example_input=torch.from_numpy(clips[0].copy()))
    model.reshape(list(clips[0].shape))
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda: [compiled(clip) for clip in clips * copies]


@functools.cache
def _plain(backbone: str) -> Backbone:
    return load_backbone(backbone, None if backbone == "tiny3d" else "random")


def plain_seconds(path: Path, backbone: str, copies: int) -> float:
    """What the plain loop takes, in the process that this is called in."""
    net = _plain(backbone)
    return seconds(lambda: [plain_loop(path, net) for _ in range(copies)])


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def measure(video: Path, backbone: str, rounds: int, copies: int, folder: Path) -> None:
    ours = _plain(backbone)
    elsewhere = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    stores = {precision: folder / f"{precision}.h5" for precision in ("float32", "bfloat16")}

    def run(precision: Any) -> None:
        stores[precision].unlink(missing_ok=True)
        videos = [Video(str(number), video, 0.0) for number in range(copies)]
        extract(videos, ours, stores[precision], precision=precision)

    ways: dict[str, Callable[[], float]] = {
        "plain loop": lambda: elsewhere.submit(plain_seconds, video, backbone, copies).result(),
        "aqa float32": lambda: seconds(lambda: run("float32")),
        "aqa bfloat16": lambda: seconds(lambda: run("bfloat16")),
    }
    if importlib.util.find_spec("openvino"):
        there = openvino_loop(video, ours, copies)
        ways["OpenVINO, no decoding"] = lambda: seconds(there)
    expected = plain_loop(video, ours)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):  # the first warms up
        for name, way in ways.items():
            took = way()
            if number:
                times[name].append(took)
    work = flop(ours) / 1e9
    click.echo(
        f"\n{backbone}, {video.name}, {copies} x {len(expected)} clips of {work:.0f} GFLOP, "
        f"medians of {rounds} rounds"
    )
    for name, values in times.items():
        each = statistics.median(values) / len(expected) / copies
        ratio = statistics.median([a / b for a, b in zip(times["plain loop"], values, strict=True)])
        click.echo(
            f"{name:22} {each:8.4f} s per clip  {1 / each:8.2f} clips/s  {ratio:5.2f}x  "
            f"{work / each:6.0f} GFLOP/s"
        )
    for precision, store in stores.items():
        with FeatureStore.open(store) as opened:
            features = opened["0"]
        drift = np.linalg.norm(features - expected) / np.linalg.norm(expected)
        cosine = (features * expected).sum(1) / (
            np.linalg.norm(features, axis=1) * np.linalg.norm(expected, axis=1)
        )
        click.echo(f"drift of {precision:13} relative L2 {drift:.1e}, cosine {cosine.min():.6f}")


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True))
@click.option("--backbone", "backbones", multiple=True, type=click.Choice(backbone_names()))
@click.option("--rounds", default=5, show_default=True)
@click.option("--copies", default=3, show_default=True, help="As how many videos to take it.")
def main(video: Path, backbones: tuple[str, ...], rounds: int, copies: int) -> None:
    """Time every way in turn; print medians, and the median of each round's ratio."""
    click.echo(machine())
    for dtype in (torch.float32, torch.bfloat16):
        click.echo(f"one large convolution, {dtype}: {attainable(dtype):.0f} GFLOP/s")
    for backbone in backbones or backbone_names():
        with tempfile.TemporaryDirectory() as folder:
            measure(video, backbone, rounds, copies, Path(folder))


if __name__ == "__main__":
    main()

"""A training step of `aqa finetune`, decoding and all, against the bare forward and backward.

    python benchmarks/finetune.py VIDEO [--backbone tiny3d ...] [--rounds 5]
    python benchmarks/finetune.py --memory [--backbone r2plus1d-34-ig65m]

The bare way has the clips in memory, decoded and normalised, and does nothing but show them to the
network, with the head behind it, and go back. Both are timed in turn in one process, with the same
clips, float32. --memory gives the peak of a process that makes two updates on a video of 6 clips of
16 frames, each in a process of its own, and what of it the network and its imports are.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.annotations.manifest import Video
from aqa.benchmarks.extract import machine
from aqa.extract.backbones import backbone_names, load_backbone
from aqa.extract.backbones.backbone import ClipNet
from aqa.extract.clips_dataset import ClipVideos, EpochAugmentation
from aqa.extract.inference import tune_malloc
from aqa.features.clips import ClipRule
from aqa.models.examples import Examples
from aqa.models.heads.lstm import LSTMHead
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import ScoredClips
from aqa.workflows.finetune.heads import adapter_of
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.finetune.trainer import FineTuner

CPU = ProcessGroup(torch.device("cpu"))


def make_tuner(backbone: str, settings: FinetuneSettings) -> FineTuner:
    loaded = load_backbone(backbone, None if backbone == "tiny3d" else "random")
    noise = np.random.default_rng(0).normal(size=(6, *loaded.shape))
    adapter = adapter_of(LSTMHead(device="cpu"))
    adapter.begin(Examples.of([noise] * 2, [1.0, 2.0]))
    tune_malloc()
    return FineTuner(ClipNet(loaded), adapter, settings, CPU)


def compare(video: Path, backbone: str, videos: int, rounds: int, workers: int) -> None:
    """Epochs of `videos` copies of one video, a video an update, and the same clips bare."""
    loaded = load_backbone(backbone, None if backbone == "tiny3d" else "random")
    rule = ClipRule(loaded.clip_length, loaded.clip_length)
    rows = [Video(str(i), video, float(i)) for i in range(videos)]
    made = (loaded.preprocess, rule, EpochAugmentation(), workers)
    read, kept = ClipVideos(rows, *made), ClipVideos(rows, *made, cache=10**9)
    scores = np.arange(videos, dtype=float)
    tuner = make_tuner(backbone, FinetuneSettings(batch_size=1))
    net = tuner.joint.backbone
    assert isinstance(net, ClipNet)
    shown = [loaded.preprocess.normalise(clips) for clips, _ in read.read(range(videos), 1)]

    def bare() -> None:
        tuner.joint.train()
        for number, clips in enumerate(shown):
            tuner.optimizer.zero_grad()
            features = net.net(clips)
            predicted = tuner.joint.net(features[None], torch.tensor([len(clips)]))
            (predicted - number).square().mean().backward()

    def decode() -> None:
        for _ in read.read(range(videos), 1):
            pass

    ways = {
        "bare forward and backward": bare,
        "aqa finetune, decoded before": lambda: tuner.epoch(ScoredClips(kept, scores), 1),
        "aqa finetune, decoding": lambda: tuner.epoch(ScoredClips(read, scores), 1),
        "decoding alone": decode,
    }
    clocks = {"wall": time.perf_counter, "processor": time.process_time}
    times: dict[str, dict[str, list[float]]] = {c: {name: [] for name in ways} for c in clocks}
    for number in range(rounds + 1):  # the first warms up
        for name, way in ways.items():
            started = {clock: now() for clock, now in clocks.items()}
            way()
            for clock, now in clocks.items():
                if number:
                    times[clock][name].append(now() - started[clock])
    n = sum(len(clips) for clips in shown)
    click.echo(f"\n{backbone}, {videos} x {len(shown[0])} clips, medians of {rounds} rounds")
    for clock, taken in times.items():
        for name, values in taken.items():
            base = taken["bare forward and backward"]
            ratio = statistics.median(a / b for a, b in zip(values, base, strict=True))
            each = statistics.median(values) / n
            click.echo(f"{clock:10} {name:29} {each:8.4f} s per clip  {ratio:5.2f}x")


class Drawn:
    """Videos of 6 clips of 16 frames of noise."""

    def __len__(self) -> int:
        return 1

    def read(
        self, order: Sequence[int], epoch: int | None = None
    ) -> Iterator[tuple[Tensor, NDArray[np.intp]]]:
        frames = np.array([(s, s + 16) for s in range(0, 96, 16)])
        for _ in order:
            yield torch.randint(0, 256, (6, 16, 112, 112, 3), dtype=torch.uint8), frames


def peak(backbone: str, settings: dict[str, Any]) -> tuple[float, float]:
    """10^9 bytes: of the process before the first update, and at most."""
    tuner = make_tuner(backbone, FinetuneSettings(batch_size=1, **settings))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(2):
        tuner.epoch(ScoredClips(Drawn(), np.ones(1)), 1)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return before * 1024 / 1e9, after * 1024 / 1e9


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--backbone", "backbones", multiple=True, type=click.Choice(backbone_names()))
@click.option("--videos", default=4, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--workers", default=1, show_default=True)
@click.option("--memory", is_flag=True)
def main(
    video: Path | None,
    backbones: tuple[str, ...],
    videos: int,
    rounds: int,
    workers: int,
    memory: bool,
) -> None:
    """Time every way in turn, or measure the peak of memory."""
    click.echo(machine())
    for backbone in backbones or ("tiny3d",):
        if not memory:
            assert video is not None, "name a video to decode"
            compare(video, backbone, videos, rounds, workers)
            continue
        for settings in ({}, {"clips_at_once": 1}, {"precision": "bfloat16"}):
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, context) as process:
                before, most = process.submit(peak, backbone, settings).result()
            click.echo(f"{backbone} {settings or 'plain'}: {most:.2f} GB, {before:.2f} before")


if __name__ == "__main__":
    main()

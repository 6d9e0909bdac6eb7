"""Sections d and e: an epoch of fine-tuning, beside the bare forward and backward; MSCADC."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aqa.benchmarks.extract import flop
from aqa.benchmarks.gpu_checks import synchronise, weights_of
from aqa.benchmarks.gpu_speed import Way, speed
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone, ClipNet
from aqa.models.examples import Examples
from aqa.models.heads.average import AverageHead
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import ScoredClips
from aqa.workflows.finetune.heads import adapter_of
from aqa.workflows.finetune.memory import peak_memory
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.finetune.trainer import FineTuner

if TYPE_CHECKING:
    from aqa.benchmarks.gpu import Bench

_BATCH = 2


class Noise:
    """Videos of noise as a backbone takes them: time does not depend on what is seen."""

    def __init__(self, backbone: Backbone, videos: int, clips: int):
        self.videos = videos
        size = (clips, backbone.clip_length, *backbone.preprocess.crop, 3)
        rng = np.random.default_rng(0)
        self.clips = torch.from_numpy(rng.integers(0, 256, size, dtype=np.uint8))
        starts = np.arange(clips) * backbone.clip_length
        self.ranges = np.stack([starts, starts + backbone.clip_length], axis=1)

    def __len__(self) -> int:
        return self.videos

    def read(
        self, order: Sequence[int], epoch: int | None = None
    ) -> Iterator[tuple[Tensor, NDArray[np.intp]]]:
        """See `ClipSource.read`."""
        for _ in order:
            yield self.clips, self.ranges


def run_r2plus1d(bench: Bench) -> None:
    """R(2+1)D-34, 96 frames per video, batch 2, as farabi2021 trains it."""
    name = "tiny3d" if bench.quick else "r2plus1d-34-ig65m"
    for precision in ("float32",) if bench.quick else ("float32", "bfloat16"):
        bench.measure(
            partial(epoch, name, 96, precision, bench),
            **{"what": "epoch", "backbone": name, "precision": precision},
        )


def run_mscadc(bench: Bench) -> None:
    """MSCADC at its crop of 180: clips per second, and an epoch from scratch."""
    name = "tiny3d" if bench.quick else "mscadc"
    backbone = load_backbone(name, weights_of(name))
    bench.row(what="work", backbone=name, gflop_per_clip=flop(backbone) / 1e9)
    for precision in ("float32", "bfloat16"):
        way = Way(precision, batch=2 if bench.quick else 16)
        bench.measure(
            partial(speed, backbone, way, bench), what="forward", backbone=name, **way.__dict__
        )
        bench.measure(
            partial(epoch, name, backbone.clip_length, precision, bench),
            **{"what": "epoch", "backbone": name, "precision": precision},
        )


def epoch(name: str, frames: int, precision: Any, bench: Bench) -> dict[str, Any]:
    """Seconds and memory of an epoch of `aqa finetune`, decoding excluded, and of the bare loop.

    frames: per video.
    """
    backbone = load_backbone(name, weights_of(name))
    clips = max(frames // backbone.clip_length, 1)
    videos = Noise(backbone, 2 if bench.quick else 16, clips)
    tuner = make_tuner(backbone, clips, precision, bench)
    scored = ScoredClips(videos, np.linspace(0, 1, len(videos)))
    tuner.epoch(scored, 1)  # warms up
    synchronise(bench.device)
    started = time.perf_counter()
    tuner.epoch(scored, 2)
    synchronise(bench.device)
    seconds = time.perf_counter() - started
    memory = peak_memory(bench.device)
    return {
        "videos": len(videos),
        "frames": clips * backbone.clip_length,
        "seconds": seconds,
        "seconds_per_video": seconds / len(videos),
        "memory_gb": memory,
        "plain_seconds": bare(tuner, backbone, videos, bench),
    }


def make_tuner(backbone: Backbone, clips: int, precision: Any, bench: Bench) -> FineTuner:
    """What `aqa finetune` trains with, behind the backbone the head `average`."""
    adapter = adapter_of(AverageHead(device=str(bench.device)))
    noise = np.random.default_rng(0).normal(size=(clips, *backbone.shape))
    adapter.begin(Examples.of([noise] * 2, [0.0, 1.0]))
    settings = FinetuneSettings(batch_size=_BATCH, precision=precision)
    return FineTuner(ClipNet(backbone), adapter, settings, ProcessGroup(bench.device))


def bare(tuner: FineTuner, backbone: Backbone, videos: Noise, bench: Bench) -> float:
    """Seconds of the same epoch as people write it: eager, float32, a step per batch."""
    net, head = tuner.joint.backbone.train(), tuner.joint.net
    optimizer = torch.optim.Adam([*net.parameters(), *head.parameters()], lr=1e-5)
    synchronise(bench.device)
    started = time.perf_counter()
    for _ in range(0, len(videos), _BATCH):
        shown = torch.cat([videos.clips] * _BATCH).to(bench.device)
        features = net(shown).flatten(1).unflatten(0, (_BATCH, -1))
        lengths = torch.full((_BATCH,), features.shape[1], device=bench.device)
        optimizer.zero_grad()
        head(features, lengths).square().mean().backward()
        optimizer.step()
    synchronise(bench.device)
    return time.perf_counter() - started

"""Section b: clips per second, by precision, batch and way of running the network."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from aqa.annotations.manifest import Video
from aqa.benchmarks.extract import flop
from aqa.benchmarks.gpu_checks import synchronise, weights_of
from aqa.device import deterministic_kernels
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.inference import PRECISIONS, Precision, optimise
from aqa.extract.run import extract
from aqa.workflows.finetune.memory import peak_memory, reset_peak_memory

if TYPE_CHECKING:
    from aqa.benchmarks.gpu import Bench

BACKBONES = ("c3d", "r2plus1d-34-ig65m", "r3d-50", "i3d", "videomae-b", "video-swin-base")
SWITCHED = ("c3d", "r2plus1d-34-ig65m")
BATCHES = (8, 32, 128)
_LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Way:
    """How a network is run. tf32: inputs of products are rounded to TF32."""

    precision: Precision = "float32"
    batch: int = 8
    tf32: bool = False
    channels_last: bool = True
    graph: bool = False
    compiled: bool = False


def run(bench: Bench) -> None:
    """The card's matrix peak; each backbone by precision and batch; switches from the best."""
    peaks = {name: matrix_peak(name, bench) for name in ("float32", "bfloat16")}
    bench.row(what="matrix peak", **{f"{name}_tflops": peak for name, peak in peaks.items()})
    names = ("tiny3d",) if bench.quick else BACKBONES
    for name in names:
        backbone = load_backbone(name, weights_of(name))
        work = flop(backbone)
        bench.measure(partial(plain, backbone, bench), what="plain loop", backbone=name)
        best = by_precision(name, backbone, work, peaks["bfloat16"], bench)
        if name in SWITCHED or bench.quick:
            switches(name, backbone, best, bench)
        for precision in ("float32", "bfloat16"):
            bench.measure(
                partial(with_decoding, backbone, precision, bench),
                **{"what": "with decoding", "backbone": name, "precision": precision},
            )


def by_precision(name: str, backbone: Backbone, work: int, peak: float, bench: Bench) -> Way:
    """Rows of every precision and batch; the fastest way."""
    rates: dict[Way, float] = {}

    def timed(way: Way) -> Mapping[str, Any]:
        found = speed(backbone, way, bench)
        rates[way] = found["clips_per_s"]
        tflops = work * rates[way] / 1e12
        return {**found, "tflops": tflops, "share_of_matrix_peak": tflops / peak}

    ways = [Way(), Way(tf32=True), Way("bfloat16")]
    for way in (ways[::2] if bench.device.type == "cpu" else ways)[: 1 if bench.quick else None]:
        for batch in (2,) if bench.quick else BATCHES:
            one = replace(way, batch=batch)
            bench.measure(partial(timed, one), what="forward", backbone=name, **one.__dict__)
    return max(rates, key=lambda way: rates[way], default=Way())


def switches(name: str, backbone: Backbone, best: Way, bench: Bench) -> None:
    """One thing after the other is changed from the best way."""
    changed = [replace(best, channels_last=False)]
    if bench.device.type == "cuda":
        changed += [replace(best, graph=True), replace(best, compiled=True)]
    for way in changed:
        bench.measure(
            partial(speed, backbone, way, bench), what="switch", backbone=name, **way.__dict__
        )


def matrix_peak(precision: Precision, bench: Bench) -> float:
    """TFLOP/s of one large matrix product."""
    size = 256 if bench.quick else 8192
    a = torch.randn(size, size, device=bench.device, dtype=PRECISIONS[precision])
    seconds = repeated(lambda: a @ a, bench)
    return 2 * size**3 / seconds / 1e12


def kernels(way: Way) -> AbstractContextManager[None]:
    """As extraction runs, or with TF32."""
    if not way.tf32:
        return deterministic_kernels()
    torch.backends.cudnn.allow_tf32 = True
    return nullcontext()


@torch.inference_mode()
def speed(backbone: Backbone, way: Way, bench: Bench) -> dict[str, Any]:
    """Clips per second of the forward pass, clips lying on the device, and memory."""
    net = network(backbone, way, bench.device)
    size = (way.batch, backbone.clip_length, *backbone.preprocess.crop, 3)
    frames = torch.randint(0, 256, size, dtype=torch.uint8).to(bench.device)

    def forward() -> Tensor:
        x = backbone.preprocess.normalise(frames).to(PRECISIONS[way.precision])
        features: Tensor = net(x)
        return features

    reset_peak_memory(bench.device)
    with kernels(way):
        seconds = repeated(captured(forward, bench) if way.graph else forward, bench)
    memory = peak_memory(bench.device)
    return {"clips_per_s": way.batch / seconds, "memory_gb": memory, "busy_percent": busy(bench)}


def network(backbone: Backbone, way: Way, device: torch.device) -> nn.Module:
    """The network as extraction makes it, with what is switched."""
    net = optimise(backbone.net, device, way.precision)
    if not way.channels_last:
        for parameter in net.parameters():
            parameter.data = parameter.data.contiguous()
    return torch.compile(net) if way.compiled else net  # type: ignore[return-value]


def captured(forward: Callable[[], Tensor], bench: Bench) -> Callable[[], object]:
    """A forward pass as one CUDA graph."""
    forward()
    synchronise(bench.device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        forward()
    return graph.replay


def repeated(run: Callable[[], object], bench: Bench) -> float:
    """Seconds per call, over a second or more, after two to warm up."""
    for _ in range(2):
        run()
    synchronise(bench.device)
    started, times = time.perf_counter(), 0
    while time.perf_counter() - started < (0.01 if bench.quick else _LEAST_SECONDS):
        for _ in range(1 if bench.quick else 5):
            run()
            times += 1
        synchronise(bench.device)
    return (time.perf_counter() - started) / times


def busy(bench: Bench) -> int | None:
    """Percent of the last moment in which the card computed, as its driver says."""
    if bench.device.type != "cuda":
        return None
    try:
        return torch.cuda.utilization(bench.device)
    except (ModuleNotFoundError, RuntimeError):
        return None  # without nvidia-ml-py


@torch.no_grad()
def plain(backbone: Backbone, bench: Bench) -> dict[str, Any]:
    """What people write: eager, float32 as PyTorch has it, clip by clip, from host memory."""
    net = backbone.net.to(bench.device).eval()
    clip = np.zeros((1, backbone.clip_length, *backbone.preprocess.crop, 3), np.uint8)

    def forward() -> Tensor:
        x = backbone.preprocess.normalise(torch.from_numpy(clip).to(bench.device))
        features: Tensor = net(x).cpu()
        return features

    try:
        return {"clips_per_s": 1 / repeated(forward, bench)}
    finally:
        backbone.net.cpu()


def with_decoding(backbone: Backbone, precision: Precision, bench: Bench) -> dict[str, Any]:
    """Clips per second from files to a store."""
    videos = [Video(str(i), bench.video, 0.0) for i in range(2 if bench.quick else 64)]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        summary = extract(
            videos,
            backbone,
            Path(folder) / "s.h5",
            device=str(bench.device),
            precision=precision,
        )
        seconds = time.perf_counter() - started
    return {"clips_per_s": summary.n_clips / seconds, "clips": summary.n_clips}

"""Seconds per clip, from decoding to feature: `aqa extract` against the plain loop, in turn.

    python benchmarks/extract.py VIDEO [--backbone c3d ...] [--rounds 5]

A row per engine and precision. Each round takes the first clips of the video through every way in
turn, one clip after the other, so that a machine that others use is busy for all of them alike.
Medians of the rounds are printed, of seconds and of processor time (all threads), and the medians
of each round's ratio to the plain loop.

The plain loop is what one writes first: decode with OpenCV, resize, crop and normalise with NumPy,
and show the network one clip at a time, eager, float32, channels first. It runs in a process of its
own, since what `aqa` tells the C library would speed it up too. `OpenVINO itself` is the converted
network on clips that are decoded and normalised already, as a user of OpenVINO would run it;
`openvino, decoded` is what `aqa` does with clips that are decoded only. --int8 (`pip install nncf`)
quantises the network on the video's own clips, too. The processor's pace is told by one large
convolution; OMP_NUM_THREADS=1 gives processor times that no waiting thread adds to.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.backbones import backbone_names, load_backbone
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import Encoder
from aqa.extract.engines.names import openvino_version
from aqa.extract.engines.openvino_net import relative_distance
from aqa.extract.executors import ThisProcess
from aqa.extract.inference import PrepackedConvolution
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video_encoder import EncodingSettings

Features = NDArray[np.float32]


class Took(NamedTuple):
    """Seconds by the clock, seconds of processors, and what came of them."""

    clock: float
    processor: float
    features: Features


def timed(run: Callable[[], Features]) -> Took:
    clock, processor = time.perf_counter(), time.process_time()
    features = run()
    return Took(time.perf_counter() - clock, time.process_time() - processor, features)


def machine() -> str:
    """What the numbers were measured on."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = next((x.partition(":")[2].strip() for x in text.splitlines() if "model name" in x), "")
    wide = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in text]
    return (
        f"{model or platform.processor()}, {os.cpu_count()} cores ({' '.join(wide)}), "
        f"torch {torch.__version__} ({torch.get_num_threads()} threads), "
        f"OpenVINO {openvino_version()}, OpenCV {cv2.__version__}, "
        f"Python {platform.python_version()}"
    )


def decoded(path: Path, backbone: Backbone, n_clips: int) -> list[Features]:
    """The first clips of a video, normalised, float32 (1, 3, T, H, W) each."""
    preprocess = backbone.preprocess
    capture = cv2.VideoCapture(str(path))
    frames: list[Features] = []
    while len(frames) < n_clips * backbone.clip_length:
        ok, frame = capture.read()
        if not ok:
            raise click.ClickException(f"{path}: has no {n_clips} clips; ask for fewer (--clips)")
        rgb = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8)
        frame = preprocess.resize_and_crop(rgb)
        frames.append((frame * np.float32(preprocess.scale) - preprocess.mean) / preprocess.std)
    video = np.stack(frames).astype(np.float32).transpose(3, 0, 1, 2)[None]
    return np.split(video, n_clips, axis=2)


@functools.cache
def network(name: str) -> Backbone:
    return load_backbone(name, None if name == "tiny3d" else "random")


@torch.no_grad()
def plain_loop(path: Path, name: str, n_clips: int) -> Took:
    """What the plain loop takes, in the process that this is called in."""
    net = network(name)

    def run() -> Features:
        clips = (torch.from_numpy(clip.copy()) for clip in decoded(path, net, n_clips))
        return np.concatenate([net(clip).numpy() for clip in clips])

    return timed(run)


def first_frames(path: Path, net: Backbone, n_clips: int) -> Video:
    return Video("v", path, 0.0, start_frame=0, end_frame=n_clips * net.clip_length)


def decoded_before(path: Path, name: str, n_clips: int) -> Callable[[], Features]:
    """What `aqa` does with clips of frames that are decoded already, by OpenVINO."""
    net = network(name)
    reader = ClipReader(first_frames(path, net, n_clips), net.preprocess, net.clip_rule(), 1)
    frames = np.stack([one.frames for batch in reader for one in batch if one.frames is not None])
    encoder = Encoder(net, "cpu", engine="openvino")
    return lambda: encoder(frames).numpy()


def ours(
    path: Path, name: str, n_clips: int, engine: Any, precision: Any
) -> Callable[[], Features]:
    """From file to features as `aqa extract` does, all but writing them."""
    net = network(name)
    settings = EncodingSettings(net.clip_rule(), precision=precision, engine=engine)
    executor = ThisProcess(net, settings, "cpu")
    video = first_frames(path, net, n_clips)

    def run() -> Features:
        (encoded,) = executor.encode([video])
        assert encoded.failure is None, encoded.failure
        return encoded.features[0][0]

    return run


def converted(name: str, example: Features) -> Any:
    """A network as OpenVINO's own documentation converts it."""
    import openvino

    net = network(name).net
    model = openvino.convert_model(net, example_input=torch.from_numpy(example.copy()))
    model.reshape(list(example.shape))
    return model


def openvino_itself(name: str, clips: list[Features], int8: bool) -> Callable[[], Features]:
    """The clips, which are decoded already, through OpenVINO; int8: quantised on these clips."""
    import openvino

    model = converted(name, clips[0])
    if int8:
        import nncf  # which draws bars, if nobody stops it

        nncf.set_log_level(logging.ERROR)
        model = nncf.quantize(model, nncf.Dataset(clips), subset_size=len(clips))
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    compiled = openvino.compile_model(model, "CPU", settings)
    return lambda: np.concatenate([compiled(clip)[0].copy() for clip in clips])


def ways(
    path: Path, name: str, n_clips: int, int8: bool, elsewhere: Any
) -> Iterator[tuple[str, Any]]:
    """Every way by name, and what runs it once."""
    yield "plain loop", lambda: elsewhere.submit(plain_loop, path, name, n_clips).result()
    for engine in ("torch", "openvino") if openvino_version() else ("torch",):
        for precision in ("float32", "bfloat16"):
            try:
                run = ours(path, name, n_clips, engine, precision)
            except AqaError as error:
                click.echo(f"left out: {engine} {precision}: {error}")
                continue
            yield f"{engine} {precision}", functools.partial(timed, run)
    clips = decoded(path, network(name), n_clips)
    if openvino_version():
        before = decoded_before(path, name, n_clips)
        yield "openvino, decoded", functools.partial(timed, before)
        itself = openvino_itself(name, clips, int8=False)
        yield "OpenVINO itself", functools.partial(timed, itself)
    if int8:
        itself = openvino_itself(name, clips, int8=True)
        yield "OpenVINO itself, int8", functools.partial(timed, itself)


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
    took = min(timed(lambda: convolution(x)).clock for _ in range(10))
    return 2 * 27 * 256 * x.numel() / took / 1e9


def measure(path: Path, name: str, rounds: int, n_clips: int, int8: bool) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        every = dict(ways(path, name, n_clips, int8, elsewhere))
        taken: dict[str, list[Took]] = {way: [] for way in every}
        for number in range(rounds + 1):  # the first warms up
            for way, run in every.items():
                took = run()
                if number:
                    taken[way].append(took)
    work = flop(network(name)) / 1e9
    click.echo(
        f"\n{name}, {path.name}, {n_clips} clips of {work:.1f} GFLOP, medians of {rounds} rounds; "
        "seconds per clip, ratios to the plain loop, relative L2 from it"
    )
    plain = taken["plain loop"]
    for way, values in taken.items():
        clock = statistics.median(one.clock for one in values) / n_clips
        processor = statistics.median(one.processor for one in values) / n_clips
        pairs = list(zip(plain, values, strict=True))
        by_clock = statistics.median(a.clock / b.clock for a, b in pairs)
        by_processor = statistics.median(a.processor / b.processor for a, b in pairs)
        drift = relative_distance(values[-1].features, plain[-1].features)
        click.echo(
            f"{way:22} {clock:7.4f} s {by_clock:5.2f}x   of processors {processor:7.4f} s "
            f"{by_processor:5.2f}x   drift {drift:.1e}"
        )


@click.command()
@click.argument("video", type=click.Path(path_type=Path, exists=True))
@click.option("--backbone", "backbones", multiple=True, type=click.Choice(backbone_names()))
@click.option("--rounds", default=5, show_default=True)
@click.option("--clips", "n_clips", default=2, show_default=True, help="First ones of the video.")
@click.option("--int8", is_flag=True, help="Quantise on these clips, too; needs nncf.")
def main(video: Path, backbones: tuple[str, ...], rounds: int, n_clips: int, int8: bool) -> None:
    """Time every way in turn; print medians, and the median of each round's ratio."""
    click.echo(machine())
    for dtype in (torch.float32, torch.bfloat16):
        click.echo(f"one large convolution, {dtype}: {attainable(dtype):.0f} GFLOP/s")
    for backbone in backbones or backbone_names():
        measure(video, backbone, rounds, n_clips, int8)


if __name__ == "__main__":
    main()

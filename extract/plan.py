"""What an extraction will take, from a few clips of the real videos; writes nothing."""

from __future__ import annotations

import math
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.device import pick_device
from aqa.errors import AqaError
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import Encoder, blank_response
from aqa.extract.engines.choice import AskedEngine, EngineChoice
from aqa.extract.engines.names import ENGINES, Engine, check_installed, openvino_version
from aqa.extract.engines.openvino_net import relative_distance
from aqa.extract.inference import Precision
from aqa.extract.progress import ExtractionProgress
from aqa.extract.remote.held import held
from aqa.extract.run import make_spec
from aqa.extract.summary import ExtractionSummary
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.extract.video_encoder import GPU_THREADS, EncodingSettings
from aqa.features.store import FeatureStore, check_spec

# Videos that are looked at, evenly over the manifest, and seconds for decoding them.
_N_VIDEOS, _DECODING = 5, 6.0
# Clips that the network is timed on, and how long for each batch size and precision, in seconds.
_N_CLIPS, _TIMING = 16, 1.0
_BATCHES = {"cpu": (1, 2, 4), "cuda": (8, 32, 128)}
# Those that are timed; int8 would have to be calibrated first.
_PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "float16")
# Another engine or precision is recommended only if it is so many times as fast.
_WORTH = 1.1


@dataclass(frozen=True)
class NetworkRate:
    """How fast the network is in a precision, with a batch size, run by an engine.

    clips_per_second: of one device, decoding left out. drift: how far features are from those in
    float32 by PyTorch, as a share of their length.
    """

    precision: Precision
    batch_size: int
    clips_per_second: float
    drift: float
    engine: Engine = "torch"


@dataclass(frozen=True)
class Plan:
    """What an extraction will take, as far as a few videos tell.

    n_videos: that are still to do; n_seen: of them that were looked at, with clips_seen clips.
    n_clips: that there will be, about, of all augmentations. row_bytes: of a clip in the store.
    memory, gpu_memory: bytes that this process has taken. decoding: clips/s of one thread. rates:
    of the network. device, cores: of this machine.
    """

    device: torch.device
    cores: int
    n_videos: int
    n_seen: int
    clips_seen: int
    n_clips: int
    row_bytes: int
    memory: int
    gpu_memory: int
    decoding: float
    rates: tuple[NetworkRate, ...]

    @property
    def best(self) -> NetworkRate:
        """What to take: the fastest in float32 by PyTorch, or what is worth more than that.

        That is another engine, in float32 too, and then another precision.
        """
        exact = [one for one in self.rates if one.precision == "float32"] or [*self.rates]
        best = self._fastest([one for one in exact if one.engine == "torch"] or exact)
        for other in (self._fastest(exact), self._fastest(self.rates)):
            if other.clips_per_second > _WORTH * best.clips_per_second:
                best = other
        return best

    @staticmethod
    def _fastest(rates: Sequence[NetworkRate]) -> NetworkRate:
        return max(rates, key=lambda one: one.clips_per_second)

    @property
    def bound_by(self) -> str:
        """What binds on this device: decoding, by as many threads as may decode, or the network."""
        threads = 1 if self.device.type == "cpu" else min(GPU_THREADS, self.cores)
        is_slow = self.decoding * threads < self.best.clips_per_second
        return "decoding" if is_slow else "the network"

    def seconds(self, n: int) -> float:
        """Expected, by `n` processes on this CPU, or on `n` GPUs like this one.

        Processes on a CPU decode side by side, and share its cores for the network, which was
        timed on all of them. On a GPU, decoding goes on beside the network.
        """
        network = 1 / self.best.clips_per_second
        if self.device.type == "cpu":
            return self.n_clips * (1 / self.decoding / min(n, self.cores) + network)
        threads = min(GPU_THREADS * n, self.cores)
        return self.n_clips * max(1 / self.decoding / threads, network / n)


def feature_shape(backbone: Backbone, settings: EncodingSettings, device: str) -> tuple[int, ...]:
    """The shape of a clip's feature; `AqaError` for clips that the network cannot take."""
    encoder = Encoder(backbone, str(pick_device(device)), settings.batch_size)
    return blank_response(encoder, backbone, settings.rule.length).shape


class Kept(NamedTuple):
    """What an extraction into a store that is there keeps to."""

    engine: Engine
    precision: Precision


def check_store(
    store: Path,
    videos: Sequence[Video],
    backbone: Backbone,
    settings: EncodingSettings,
    device: str,
    shape: tuple[int, ...],
    asked: AskedEngine,
    progress: ExtractionProgress,
) -> Kept | None:
    """What the extraction keeps to; None where the store is a new one.

    Refuses what the extraction would refuse: an engine that is not installed, `StoreError` for a
    store of other settings, or of an engine whose features differ from those of the asked one.
    """
    if not store.exists():
        if asked != "auto":
            check_installed(asked, f"--engine {asked}")
        return None
    with FeatureStore.open(store) as opened:
        spec = make_spec(
            *(backbone, settings.rule, shape, settings.augmentations, settings.seed),
            *(settings.precision, settings.dtype),
            engine=opened.spec.get("engine"),
        )
        check_spec(store, opened.spec, spec)
    choice = EngineChoice(asked, settings, backbone, store, videos, device)
    return Kept(choice.choose(ExtractionSummary(), progress).engine, settings.precision)


def make_plan(
    videos: Sequence[Video],
    backbone: Backbone,
    settings: EncodingSettings,
    device: str,
    shape: tuple[int, ...],
    kept: Kept | None = None,
) -> Plan:
    """Decode some of the videos, and time the network on their clips.

    shape: of a clip's feature. kept: the only engine and precision that are timed. `AqaError` where
    no video can be decoded. A list of devices is planned for its first.
    """
    place = pick_device("cpu" if kept and kept.engine == "openvino" else device)
    seen = _Decoded.of(videos, backbone, settings)
    chosen = (settings.batch_size,) if settings.batch_size else _BATCHES.get(place.type, (1,))
    rates = _rates(backbone, seen.frames, str(place), chosen, kept)
    row_bytes = math.prod(shape) * np.dtype(settings.dtype).itemsize
    mean = seen.n_clips / seen.n_videos
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Plan(
        device=place,
        cores=_n_cores(),
        n_videos=len(videos),
        n_seen=seen.n_videos,
        clips_seen=seen.n_clips,
        n_clips=math.ceil(mean * len(videos)),
        row_bytes=row_bytes,
        memory=peak * (1 if sys.platform == "darwin" else 1024),
        gpu_memory=torch.cuda.max_memory_reserved(place) if place.type == "cuda" else 0,
        decoding=seen.n_clips / seen.seconds,
        rates=tuple(rates),
    )


def _n_cores() -> int:
    """Cores that this process may use, of those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class _Decoded:
    """Videos that were decoded: how many, their clips, the seconds, and the first clips' frames."""

    n_videos: int
    n_clips: int
    seconds: float
    frames: NDArray[np.uint8]

    @classmethod
    def of(
        cls, videos: Sequence[Video], backbone: Backbone, settings: EncodingSettings
    ) -> _Decoded:
        """Decode some videos, evenly over the list, until the time is used up."""
        kept: list[NDArray[np.uint8]] = []
        n_videos = n_clips = 0
        seconds, error = 0.0, "there are no videos to do"
        for video in _spread(videos):
            try:
                with held(video) as (there, _):  # to fetch it is not to decode it
                    started = time.perf_counter()
                    reader = ClipReader(
                        *(there, backbone.preprocess, settings.rule, 1),
                        settings.augmentations,
                        settings.seed,
                    )
                    clips = 0
                    for batch in reader:
                        clips += len(batch)
                        room = _N_CLIPS - len(kept)
                        kept += [one.frames for one in batch if one.frames is not None][:room]
            except DECODE_ERRORS as failure:
                error = str(failure)
                continue
            seconds += time.perf_counter() - started
            n_videos, n_clips = n_videos + 1, n_clips + clips
            if seconds > _DECODING:
                break
        if not kept:
            raise AqaError(f"no video to plan with: {error}")
        return cls(n_videos, n_clips, seconds, np.stack(kept))


def _spread(videos: Sequence[Video]) -> Iterator[Video]:
    n = min(_N_VIDEOS, len(videos))
    for number in range(n):
        yield videos[number * len(videos) // n]


def _rates(
    backbone: Backbone,
    frames: NDArray[np.uint8],
    device: str,
    batches: Sequence[int],
    kept: Kept | None,
) -> Iterator[NetworkRate]:
    """How fast the network is by each engine, in each precision and with each batch size."""
    exact = None
    on_cpu = pick_device(device).type == "cpu"
    for engine in ENGINES if on_cpu and openvino_version() else ENGINES[:1]:
        for precision, batch_size in product(_PRECISIONS, batches):
            is_timed = kept in (None, (engine, precision))
            if not is_timed and exact is not None:
                continue
            if precision == "float16" and on_cpu and kept is None:
                continue  # no CPU is faster in it
            clips = np.resize(frames, (max(batch_size, len(frames)), *frames.shape[1:]))
            try:
                encoder = Encoder(backbone, device, batch_size, precision, engine)
                features = encoder(clips).cpu().numpy()[: len(frames)]  # warms up, too
            except AqaError:
                if engine == "torch" or kept is not None:
                    raise
                continue  # OpenVINO cannot run this network, or not in this precision
            exact = features if exact is None else exact
            drift = relative_distance(features, exact)
            if is_timed:
                rate = _rate(encoder, clips)
                yield NetworkRate(precision, encoder.batch_size, rate, drift, engine)


def _rate(encoder: Encoder, clips: NDArray[np.uint8]) -> float:
    """Clips per second: of the best of as many runs as there is time for."""
    best, began = 0.0, time.perf_counter()
    while True:
        started = time.perf_counter()
        encoder(clips).cpu()
        best = max(best, len(clips) / (time.perf_counter() - started))
        if time.perf_counter() - began > _TIMING:
            return best

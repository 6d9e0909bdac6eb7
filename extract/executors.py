"""Who encodes the videos of an extraction: this process, or workers that it starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import blank_response
from aqa.extract.parallel.messages import WorkerJob, versions
from aqa.extract.parallel.pool import PooledEncoding
from aqa.extract.parallel.processes import ProcessPool
from aqa.extract.parallel.ray_cluster import RayCluster
from aqa.extract.parallel.ray_pool import RayPool
from aqa.extract.parallel.recipe import NetworkRecipe
from aqa.extract.provenance import provenance
from aqa.extract.video_encoder import (
    Encoded,
    EncodingSettings,
    NumberedVideo,
    VideoEncoder,
    VideoGroup,
    make_encoder,
    n_held,
)


class Executor(Protocol):
    """Encodes videos.

    blank: the response to a black clip. made: `provenance` of each place where it encodes.
    """

    blank: NDArray[np.float32]

    @property
    def made(self) -> Sequence[dict[str, Any]]:
        """`provenance` of each place where videos are encoded."""
        ...

    def encode(self, videos: Sequence[Video]) -> Iterator[Encoded]:
        """What became of each video, once, in any order; `number` is its place among them."""
        ...


class ThisProcess(AbstractContextManager["ThisProcess"]):
    """Encodes one video after the other, here."""

    def __init__(self, backbone: Backbone, settings: EncodingSettings, device: str):
        encoder = make_encoder(backbone, settings, device)
        self.blank = blank_response(encoder, backbone, settings.rule.length)
        self.made = [provenance(encoder)]
        self._videos = VideoEncoder(backbone, encoder, settings, self.blank)

    def encode(self, videos: Sequence[Video]) -> Iterator[Encoded]:
        """See `Executor.encode`; they come in their order."""
        everything = tuple(NumberedVideo(*numbered) for numbered in enumerate(videos))
        groups: Iterator[VideoGroup] = iter([everything])
        return self._videos.encode(lambda wait: next(groups, None))

    def __exit__(self, *_: object) -> None:
        pass


def make_executor(
    backbone: Backbone,
    settings: EncodingSettings,
    devices: Sequence[str],
    processes: int | None,
    cluster: RayCluster | None = None,
) -> ThisProcess | PooledEncoding:
    """What encodes on these devices; its context is entered before it is used.

    processes: how many there are to be, dealt out over the devices; None: one per device, and none
    beside this one for a single device. cluster: encode on its machines instead, on a device of
    that kind.
    """
    same = versions(backbone.weights.sha256, settings.engine)
    if cluster is not None:
        folder = settings.index_folder
        settings = replace(settings, index_folder=folder.absolute() if folder else None)
        job = WorkerJob(NetworkRecipe.of(backbone), settings, devices[0], threads=1)
        return PooledEncoding(RayPool(job, replace(cluster, workers=processes)), same)
    n = len(devices) if processes is None else processes
    if n < len(devices):
        raise AqaError(f"--processes {n}: fewer than the {len(devices)} devices; give one for each")
    if n == 1:
        return ThisProcess(backbone, settings, devices[0])
    threads = max(1, torch.get_num_threads() // n)
    recipe = NetworkRecipe.of(backbone)
    jobs = [WorkerJob(recipe, settings, devices[i % len(devices)], threads) for i in range(n)]
    return PooledEncoding(ProcessPool(jobs, n_held(settings, devices[0] == "cpu")), same)

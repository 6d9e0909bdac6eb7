"""What a worker is told and what it answers; the same for processes and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from aqa import __version__
from aqa.errors import AqaError
from aqa.extract.encode import blank_response
from aqa.extract.engines.names import Engine, openvino_version
from aqa.extract.parallel.recipe import NetworkRecipe
from aqa.extract.provenance import provenance
from aqa.extract.video_encoder import Encoded, EncodingSettings, VideoEncoder, make_encoder


@dataclass(frozen=True)
class WorkerJob:
    """What one worker is there for. threads: of its arithmetic, on a CPU."""

    recipe: NetworkRecipe
    settings: EncodingSettings
    device: str
    threads: int


class Ready(NamedTuple):
    """A worker has its network. blank: its response to a black clip. made: see `provenance`."""

    blank: NDArray[np.float32]
    made: dict[str, Any]
    versions: dict[str, str]


class Done(NamedTuple):
    """A worker is done with one video."""

    encoded: Encoded


class Refused(NamedTuple):
    """A worker cannot do its job: bad input, in one line, which stops the extraction."""

    reason: str


class Crashed(NamedTuple):
    """A worker met an error that no video is to blame for. trace: as Python prints it."""

    trace: str


class Gone(NamedTuple):
    """A worker is gone without a word. how: such as `killed by SIGKILL`."""

    how: str


Answer = Ready | Done | Refused | Crashed | Gone


class WorkerCrash(RuntimeError):
    """An error in a worker that no input is to blame for, with that worker's traceback."""


def versions(sha256: str, engine: Engine = "torch") -> dict[str, str]:
    """What must be the same in every worker. sha256: of the weights."""
    same = {"aqa": __version__, "torch": torch.__version__, "weights": sha256}
    return same | ({"openvino": str(openvino_version())} if engine == "openvino" else {})


def check_versions(found: Mapping[str, str], wanted: Mapping[str, str], where: str) -> None:
    """Raise `AqaError`, with both values, for a worker that has something else."""
    wrong = [
        f"{name} is {found.get(name)}, not {value}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]
    if wrong:
        raise AqaError(f"{where}: {'; '.join(wrong)}; install the same on every machine")


class WorkerNetwork:
    """A worker's network on its device; `encoder` begins when the common `blank` is known."""

    def __init__(self, job: WorkerJob):
        torch.set_num_threads(job.threads)
        self._settings = job.settings
        self._backbone = job.recipe.make()
        self._encoder = make_encoder(self._backbone, job.settings, job.device)

    def ready(self) -> Ready:
        """What the worker says of itself before it starts."""
        blank = blank_response(self._encoder, self._backbone, self._settings.rule.length)
        same = versions(self._backbone.weights.sha256, self._settings.engine)
        return Ready(blank, provenance(self._encoder), same)

    def encoder(self, blank: NDArray[np.float32]) -> VideoEncoder:
        """What encodes videos; blank: of the store."""
        return VideoEncoder(self._backbone, self._encoder, self._settings, blank)

"""A worker on some machine of a Ray cluster: an actor that holds the network."""

from __future__ import annotations

import platform
import queue
import tempfile
import threading
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aqa.errors import AqaError, AqaWarning
from aqa.extract.parallel.messages import (
    Answer,
    Crashed,
    Done,
    Ready,
    Refused,
    WorkerJob,
    WorkerNetwork,
)
from aqa.extract.parallel.recipe import NetworkRecipe
from aqa.extract.parallel.sent_file import SentFile
from aqa.extract.video_encoder import NumberedVideo, VideoGroup
from aqa.features.store.network_file import NetworkFile


class RayWorker:
    """Encodes the videos that it is given, several calls at once; see `RayPool`.

    weights, code: the files of the network, where it is made from files. int8: the file of an int8
    network.
    """

    def __init__(
        self,
        job: WorkerJob,
        weights: SentFile | None,
        code: SentFile | None,
        int8: SentFile | None = None,
    ):
        self._job, self._files, self._int8 = job, (weights, code), int8
        self._inbox: queue.SimpleQueue[VideoGroup] = queue.SimpleQueue()
        self._due: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._network: WorkerNetwork

    def ready(self) -> tuple[str, Answer]:
        """The machine's name, and what the worker says of itself: its network is made now."""
        cv2.setNumThreads(self._job.threads)
        warnings.simplefilter("ignore", AqaWarning)  # the first process has told them
        return platform.node(), _answer(self._make)

    def _make(self) -> Ready:
        settings = self._job.settings
        if settings.index_folder is not None and not settings.index_folder.parent.is_dir():
            settings = replace(settings, index_folder=None)
        # A folder that nobody else can write to, since the network's code is run from there.
        with tempfile.TemporaryDirectory(prefix="aqa-") as folder:
            if self._int8 is not None:
                here = NetworkFile(Path(self._int8.here(Path(folder))), self._int8.sha256)
                settings = replace(settings, int8=here)
            recipe = _here(self._job.recipe, *self._files, Path(folder))
            self._network = WorkerNetwork(replace(self._job, recipe=recipe, settings=settings))
            return self._network.ready()

    def encode(self, blank: NDArray[np.float32], group: VideoGroup) -> list[Answer]:
        """What became of each video; waits for it, while other calls give more videos."""
        due: list[Future[Answer]] = [Future() for _ in group]
        with self._lock:
            self._due.update(zip((number for number, _ in group), due, strict=True))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, args=(blank,), daemon=True)
                self._thread.start()
        self._inbox.put(group)
        return [one.result() for one in due]

    def _work(self, blank: NDArray[np.float32]) -> None:
        failure = _answer(lambda: self._encode_all(blank))
        with self._lock:
            for one in self._due.values():
                one.set_result(failure)

    def _encode_all(self, blank: NDArray[np.float32]) -> Answer:
        for encoded in self._network.encoder(blank).encode(self._take):
            with self._lock:
                self._due.pop(encoded.number).set_result(Done(encoded))
        raise AssertionError("there is always one more group to wait for")

    def _take(self, wait: bool) -> VideoGroup | None:
        try:
            return self._inbox.get(block=wait)
        except queue.Empty:
            return None


def _here(
    recipe: NetworkRecipe, weights: SentFile | None, code: SentFile | None, folder: Path
) -> NetworkRecipe:
    """The recipe with the paths that its files have on this machine."""
    if weights is not None:
        recipe = replace(recipe, weights=weights.here(folder))
    if code is not None:
        attribute = recipe.source.rpartition(".py")[2]
        recipe = replace(recipe, source=code.here(folder) + attribute)
    return recipe


def _answer(work: Callable[[], Answer]) -> Answer:
    """What `work` gives, or what went wrong."""
    try:
        return work()
    except AqaError as error:
        return Refused(str(error))
    except Exception:
        return Crashed(traceback.format_exc())


def absolute(group: VideoGroup) -> VideoGroup:
    """The same videos by paths that mean the same in every folder."""
    return tuple(
        NumberedVideo(number, replace(video, path=video.path.absolute() if video.path else None))
        for number, video in group
    )

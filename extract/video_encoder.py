"""Videos, each decoded and encoded: what one process does, whichever process it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.late_stages import late_stages
from aqa.annotations.manifest import Video
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.engines.names import Engine
from aqa.extract.inference import Precision
from aqa.extract.remote.held import file_of
from aqa.extract.summary import reason_of
from aqa.extract.video.clip_reader import ClipBatch, ClipReader
from aqa.extract.video.decode import (
    DECODE_ERRORS,
    content_of,
    decoder_name,
    decoder_of,
    size_of,
)
from aqa.extract.video.prefetch import taken_ahead
from aqa.extract.video.sharing import Action, SharedReaders
from aqa.features.clips import Clip, ClipRule
from aqa.features.store.network_file import NetworkFile

# Videos that threads decode ahead, where the network runs on a GPU.
GPU_THREADS = 8


@dataclass(frozen=True)
class EncodingSettings:
    """How videos are cut and encoded; the same in every process.

    rule: how they are cut. augmentations, seed: see `ClipReader`. batch_size: None chooses by the
    device. dtype: that features are stored in. threads: videos that are decoded ahead; None
    chooses by the device. index_folder: where the frames of long files are noted. engine: what runs
    the network. int8: the file of the network where that is the precision.
    """

    rule: ClipRule
    augmentations: tuple[str, ...] = ("original",)
    seed: int = 0
    batch_size: int | None = None
    precision: Precision = "float32"
    dtype: str = "float32"
    threads: int | None = None
    index_folder: Path | None = None
    engine: Engine = "torch"
    int8: NetworkFile | None = None


def make_encoder(backbone: Backbone, settings: EncodingSettings, device: str) -> Encoder:
    """What encodes clips as the settings say."""
    return Encoder(
        *(backbone, device, settings.batch_size, settings.precision, settings.engine, settings.int8)
    )


def threads_of(settings: EncodingSettings, on_cpu: bool) -> int:
    """Videos that a process decodes ahead: as asked for, or as the device needs it."""
    if settings.threads is not None:
        return settings.threads
    return 0 if on_cpu else GPU_THREADS


def n_held(settings: EncodingSettings, on_cpu: bool) -> int:
    """Videos that a worker is given at once: those it decodes, one it encodes, and a next one."""
    return threads_of(settings, on_cpu) + 2


class NumberedVideo(NamedTuple):
    """A video, and its place among those that are to be extracted."""

    number: int
    video: Video


# Actions of one file, or one video: what is handed out at once.
VideoGroup = tuple[NumberedVideo, ...]


@dataclass
class Encoded:
    """What became of one video.

    failure: why it has no features, in one line; None where it has. features: of each augmentation,
    (n_clips, *shape), and the clip of each row. warnings: what was wrong with it all the same, as
    the summary tells it. n_bytes, content, decoder: see `FeatureStoreWriter.append`. decoding,
    encoding: seconds that the network waited for clips, and that it took.
    """

    number: int
    failure: str | None = None
    features: list[tuple[NDArray[np.floating], list[Clip]]] = field(default_factory=list)
    n_frames: int = 0
    fps: float = float("nan")
    warnings: list[str] = field(default_factory=list)
    n_bytes: int | None = None
    content: str | None = None
    decoder: str | None = None
    decoding: float = 0.0
    encoding: float = 0.0

    @property
    def n_clips(self) -> int:
        """Clips of all augmentations."""
        return sum(len(clips) for _, clips in self.features)


class VideoEncoder:
    """Decodes videos and encodes them on one device.

    blank: the response to a black clip; clips that are all padding get it.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoder: Encoder,
        settings: EncodingSettings,
        blank: NDArray[np.float32],
    ):
        self._preprocess, self._encoder = backbone.preprocess, encoder
        self._settings, self._blank = settings, blank
        self.threads = threads_of(settings, encoder.device.type == "cpu")

    def encode(self, take: Callable[[bool], VideoGroup | None]) -> Iterator[Encoded]:
        """What became of each video, in the order in which `take` gives them.

        take(wait): the next group; None where there is none yet or, if it may wait, no more.
        """
        waiting: deque[_NumberedReader] = deque()

        def reader(wait: bool) -> _NumberedReader | None:
            if not waiting and (group := take(wait)) is not None:
                waiting.extend(self._readers(group))
            return waiting.popleft() if waiting else None

        ahead: Iterator[tuple[_NumberedReader, Iterable[ClipBatch]]] = taken_ahead(
            reader, self.threads
        )
        for one, batches in ahead:
            clock = _WaitingClock(batches)
            started = time.perf_counter()
            encoded = self._encode(one.number, one.reader, clock)
            encoded.decoding = clock.seconds
            encoded.encoding = time.perf_counter() - started - clock.seconds
            yield encoded

    def _readers(self, group: VideoGroup) -> Iterator[_NumberedReader]:
        settings = self._settings
        shared = SharedReaders(
            [action_of(video) for _, video in group], settings.index_folder, self.threads
        )
        for place, (number, video) in enumerate(group):
            reader = ClipReader(
                video,
                self._preprocess,
                settings.rule,
                self._encoder.batch_size,
                settings.augmentations,
                settings.seed,
                (shared, place),
            )
            yield _NumberedReader(number, reader)

    def _encode(self, number: int, reader: ClipReader, batches: Iterator[ClipBatch]) -> Encoded:
        video, settings = reader.video, self._settings
        try:
            features = encode_video(
                batches, self._encoder, self._blank, len(settings.augmentations), settings.dtype
            )
        except DECODE_ERRORS as error:
            return Encoded(number, reason_of(video.where, error))
        late = late_stages(video, reader.n_frames)
        said = [*reader.warnings, *([late] if late else [])]
        encoded = Encoded(
            number,
            features=features,
            n_frames=reader.n_frames,
            fps=reader.fps,
            warnings=[f"{video.where}: {text}" for text in said],
        )
        if reader.fetched:
            encoded.n_bytes, encoded.content = reader.fetched
            encoded.decoder = decoder_name()
        elif video.path:
            encoded.n_bytes, encoded.content = size_of(video.path), content_of(video.path)
            encoded.decoder = decoder_of(video.path)
        return encoded


@dataclass(frozen=True)
class _NumberedReader:
    """The clips of a video, in batches, with the video's number."""

    number: int
    reader: ClipReader

    def __iter__(self) -> Iterator[ClipBatch]:
        return iter(self.reader)


class _WaitingClock:
    """Batches, and how long they were waited for."""

    def __init__(self, batches: Iterable[ClipBatch]):
        self._batches = iter(batches)
        self.seconds = 0.0

    def __iter__(self) -> Iterator[ClipBatch]:
        return self

    def __next__(self) -> ClipBatch:
        started = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.seconds += time.perf_counter() - started


def action_of(video: Video) -> Action:
    """The frames of its file that are a video's."""
    return Action(file_of(video) or Path(), video.start_frame or 0, video.end_frame)

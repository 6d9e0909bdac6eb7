"""Times ways to run a network against one another, on a few clips of the user's own videos."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.encode import Encoder
from aqa.extract.video.clip_reader import ClipReader
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.extract.video_encoder import EncodingSettings

# Clips of a trial, and the seconds after which no further round is begun; there are two at least.
N_CLIPS, _SECONDS, _ROUNDS = 2, 2.0, 2

Name = TypeVar("Name")


class TimedRun(NamedTuple):
    """seconds: per clip, in the fastest round. features: of the clips, float32 (n, *shape)."""

    seconds: float
    features: NDArray[np.float32]


def first_clips(
    videos: Iterable[Video], backbone: Backbone, settings: EncodingSettings
) -> NDArray[np.uint8] | None:
    """The first clips of the first video that can be decoded: (n, T, H, W, 3); None if none can."""
    for video in videos:
        reader = ClipReader(video, backbone.preprocess, settings.rule, N_CLIPS)
        frames = (one.frames for batch in reader for one in batch if one.frames is not None)
        try:
            clips = list(islice(frames, N_CLIPS))  # and decode no more of the video
        except DECODE_ERRORS:
            continue  # the extraction tells of it
        if clips:
            return np.stack(clips)
    return None


def compare(
    ways: Mapping[Name, Callable[[], Encoder]], clips: NDArray[np.uint8]
) -> dict[Name, TimedRun]:
    """Every way to run a network, on the same clips, in turn: the machine may be busy at times."""
    encoders = {name: make() for name, make in ways.items()}
    features = {name: encoder(clips).cpu().numpy() for name, encoder in encoders.items()}
    times: dict[Name, list[float]] = {name: [] for name in ways}
    began, rounds = time.perf_counter(), 0
    while rounds < _ROUNDS or time.perf_counter() - began < _SECONDS:
        for name, encoder in encoders.items():
            started = time.perf_counter()
            encoder(clips).cpu()
            times[name].append((time.perf_counter() - started) / len(clips))
        rounds += 1
    return {name: TimedRun(min(times[name]), features[name]) for name in ways}

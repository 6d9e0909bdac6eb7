"""Stage 1: the videos of a manifest through a backbone, once, into a feature store."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from aqa.errors import AqaError
from aqa.extract.backbones.base import Backbone
from aqa.extract.cut import Cutter, Pictures
from aqa.extract.encode import Encoder
from aqa.extract.prefetch import prefetched
from aqa.extract.preprocess import Preprocess
from aqa.extract.video import VideoError, open_video
from aqa.features.clips import Clip, ClipRule
from aqa.features.manifest import Video
from aqa.features.store import FeatureStoreWriter, Spec

# Clips of one video with their pictures, None for a clip that is all padding.
Batch = list[tuple[Clip, Pictures | None]]


def make_spec(backbone: Backbone, rule: ClipRule, shape: Sequence[int]) -> Spec:
    """Everything that features of this shape depend on, as a store carries it."""
    return {
        "backbone": backbone.name,
        "weights": dataclasses.asdict(backbone.weights),
        "layer": backbone.layer,
        "shape": list(shape),
        "dtype": "float32",
        "precision": "float32",
        "clip_length": rule.length,
        "stride": rule.stride,
        "frames": rule.frames,
        "padding": rule.pad,
        "tail": rule.tail,
        "preprocess": backbone.preprocess.to_dict(),
    }


class ClipReader:
    """The clips of one video, decoded and preprocessed, in batches: iterate over it once.

    Yields lists of (Clip, uint8 (T, H, W, 3) or None for an all-padding clip). Afterwards
    `n_frames`, `fps` and `warning` (frames that were promised and did not come) are known.
    """

    def __init__(self, video: Video, preprocess: Preprocess, rule: ClipRule, batch_size: int):
        self.video = video
        self.n_frames = 0
        self.fps = float("nan")
        self.warning: str | None = None
        self._preprocess, self._rule, self._batch_size = preprocess, rule, batch_size

    def __iter__(self) -> Iterator[Batch]:
        video = self.video
        if video.path is None:
            raise VideoError(f"{video.id}: no path in the manifest, so there is nothing to decode")
        source = open_video(video.path)
        self.fps = source.fps
        start = video.start_frame or 0
        frames = source.frames(start, video.end_frame)
        cutter = Cutter(map(self._preprocess.picture, frames), self._rule)
        batch = []
        for item in cutter:
            batch.append(item)
            if len(batch) == self._batch_size:
                yield batch
                batch = []
        self.n_frames = cutter.n_frames
        self._judge(video.path, start, source.promised)
        if batch:
            yield batch

    def _judge(self, path: Path, start: int, promised: int | None) -> None:
        stop = self.video.end_frame or promised
        if not self.n_frames:
            asked = f" from frame {start}" if start else ""
            says = "" if promised is None else f"; the file says it has {promised}"
            raise VideoError(f"{path}: no frame could be read{asked}{says}")
        if stop is not None and self.n_frames < stop - start:
            self.warning = (
                f"{path}: ended early: {self.n_frames} of {stop - start} frames could be read"
            )


def encode_video(
    batches: Iterable[Batch],
    encoder: Encoder,
    blank: NDArray[np.float32],
) -> tuple[NDArray[np.float32], list[Clip]]:
    """Features of a video's clips, (n_clips, *shape); all-padding clips get the blank response."""
    features, clips = [], []
    for batch in batches:
        shown = [pictures for _, pictures in batch if pictures is not None]
        encoded = iter(encoder(np.stack(shown)) if shown else ())
        for clip, pictures in batch:
            features.append(blank if pictures is None else next(encoded))
            clips.append(clip)
    stacked = np.stack(features)
    if not np.isfinite(stacked).all():
        raise VideoError("its features are not finite: the weights or the precision overflow")
    return stacked, clips


@dataclass
class Summary:
    """What an extraction did.

    done: videos extracted now. reused: videos that were in the store. n_clips: extracted now.
    failed: (video id, reason). warnings: lines about videos that were extracted all the same.
    """

    done: list[str] = field(default_factory=list)
    reused: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    n_clips: int = 0


class Progress:
    """What an extraction tells as it goes; this one is silent."""

    def start(self, n_videos: int) -> None:
        """`n_videos` are going to be decoded."""

    def video(self, n_clips: int) -> None:
        """One more video is finished, of `n_clips` clips; 0 for a failed one."""

    def line(self, text: str) -> None:
        """A warning or a failure, as it happens."""


def extract(
    videos: Sequence[Video],
    backbone: Backbone,
    store: Path,
    rule: ClipRule | None = None,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Extract the features of `videos` into `store`; those in it already are reused.

    rule: how videos are cut; by default into clips of the backbone's own length, end to end.
    device: `auto`, `cpu`, `cuda`, .... batch_size: clips a forward pass. workers: videos decoded
    ahead in threads; None is 0 on a CPU, where decoding beside the network gains nothing, and 8
    on a GPU.

    A video that fails is in the summary and stops nothing. Raises `StoreError` where the store
    was made with other settings or is being written.
    """
    rule = rule or ClipRule(backbone.clip_length, backbone.clip_length)
    progress = progress or Progress()
    encoder = Encoder(backbone, device, batch_size)
    if workers is None:
        workers = 0 if encoder.device.type == "cpu" else 8
    blank = encoder.blank(rule.length)
    summary = Summary()
    with FeatureStoreWriter(
        store,
        make_spec(backbone, rule, blank.shape),
        blank=blank,
        ids=[video.id for video in videos],
        provenance=provenance(encoder.device),
    ) as writer:
        todo = [video for video in videos if not _is_reused(video, writer, summary)]
        for video_id, reason in summary.failed:
            progress.line(f"failed: {video_id}: {reason}")
        progress.start(len(todo))
        readers = [
            ClipReader(video, backbone.preprocess, rule, encoder.batch_size) for video in todo
        ]
        clips_of: Iterable[Batch]
        for reader, clips_of in prefetched(readers, workers):
            video = reader.video
            try:
                features, clips = encode_video(clips_of, encoder, blank)
            except VIDEO_FAULTS as error:
                reason = str(error) if isinstance(error, AqaError) else f"{video.path}: {error!r}"
                summary.failed.append((video.id, reason))
                progress.line(f"failed: {video.id}: {reason}")
                progress.video(0)
                continue
            if reader.warning:
                summary.warnings.append(reader.warning)
                progress.line(f"warning: {video.id}: {reader.warning}")
            writer.append(
                video.id,
                features,
                clips,
                n_frames=reader.n_frames,
                frames=(video.start_frame or 0, video.end_frame),
                fps=reader.fps,
            )
            summary.done.append(video.id)
            summary.n_clips += len(clips)
            progress.video(len(clips))
    return summary


# What decoding can raise on a bad file. A fault of the device or of the store stops the run.
VIDEO_FAULTS = (AqaError, OSError, cv2.error, MemoryError)


def _is_reused(video: Video, writer: FeatureStoreWriter, summary: Summary) -> bool:
    if video.id not in writer:
        return False
    asked, stored = (video.start_frame or 0, video.end_frame), writer.frames(video.id)
    if asked == stored:
        summary.reused.append(video.id)
    else:
        reason = (
            f"{writer.path} holds its frames {stored}, the manifest says {asked}; "
            "name another file with --store"
        )
        summary.failed.append((video.id, reason))
    return True


def provenance(device: torch.device) -> dict[str, Any]:
    """Where and with what features are computed."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": str(device),
        "device_name": name or platform.machine(),
        "torch": torch.__version__,
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }

"""Stage 1: the videos of a manifest through a backbone, once, into a feature store."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.augment import check_views
from aqa.extract.backbones.base import Backbone
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.inference import Precision
from aqa.extract.video.clip_reader import Batch, ClipReader
from aqa.extract.video.damage import DecoderLog
from aqa.extract.video.decode import size_of
from aqa.extract.video.prefetch import prefetched
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter, Spec


def make_spec(
    backbone: Backbone,
    rule: ClipRule,
    shape: Sequence[int],
    views: Sequence[str] = ("original",),
    view_seed: int = 0,
    precision: str = "float32",
    dtype: str = "float32",
) -> Spec:
    """Everything that features of this shape depend on, as a store carries it."""
    return {
        "backbone": backbone.name,
        "weights": dataclasses.asdict(backbone.weights),
        "layer": backbone.layer,
        "shape": list(shape),
        "dtype": dtype,
        "precision": precision,
        "clip_length": rule.length,
        "stride": rule.stride,
        "frames": rule.frames,
        "padding": rule.pad,
        "tail": rule.tail,
        "preprocess": backbone.preprocess.to_dict(),
        "views": list(views),
        "view_seed": view_seed if len(views) > 1 else None,
    }


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
    views: Sequence[str] = (),
    view_seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    precision: Precision = "float32",
    dtype: str = "float32",
    workers: int | None = None,
    progress: Progress | None = None,
    log: DecoderLog | None = None,
) -> Summary:
    """Extract the features of `videos` into `store`; those in it already are reused.

    rule: how videos are cut; by default into clips of the backbone's own length, end to end.
    views: augmented copies to extract beside the original (`aqa.extract.augment`), drawn by
    `view_seed` and the video's id.
    device: `auto`, `cpu`, `cuda`, .... batch_size: clips a forward pass. precision: of the
    network's arithmetic. dtype: that features are stored in, float32 or float16. workers: videos
    decoded ahead in threads; None is 0 on a CPU, where decoding beside the network gains nothing,
    and 8 on a GPU. log: where the decoder's complaints are found, for warnings of damaged videos.

    A video that fails is in the summary and stops nothing. Raises `StoreError` where the store
    was made with other settings or is being written.
    """
    rule = rule or ClipRule(backbone.clip_length, backbone.clip_length)
    progress = progress or Progress()
    views = check_views(views)
    encoder = Encoder(backbone, device, batch_size, precision)
    if workers is None:
        workers = 0 if encoder.device.type == "cpu" else 8
    blank = blank_response(encoder, backbone, rule)
    summary = Summary()
    with FeatureStoreWriter(
        store,
        make_spec(backbone, rule, blank.shape, views, view_seed, precision, dtype),
        blank=blank,
        ids=[video.id for video in videos],
        provenance=provenance(encoder.device),
    ) as writer:
        todo = [video for video in videos if not is_reused(video, video.path, writer, summary)]
        for video_id, reason in summary.failed:
            progress.line(f"failed: {video_id}: {reason}")
        progress.start(len(todo))
        readers = [
            ClipReader(video, backbone.preprocess, rule, encoder.batch_size, views, view_seed)
            for video in todo
        ]
        batches: Iterable[Batch]
        for reader, batches in prefetched(readers, workers):
            video = reader.video
            try:
                encoded = encode_video(batches, encoder, blank, len(views), dtype)
            except VIDEO_FAULTS as error:
                if log and workers <= 1:
                    log.take()  # of this video, which has its reason
                reason = reason_of(video.path, error)
                summary.failed.append((video.id, reason))
                progress.line(f"failed: {video.id}: {reason}")
                progress.video(0)
                continue
            for warning in (reader.warning, _damage(video, log, workers)):
                if warning:
                    summary.warnings.append(warning)
                    progress.line(f"warning: {video.id}: {warning}")
            writer.append(
                video.id,
                encoded,
                n_frames=reader.n_frames,
                frames=(video.start_frame or 0, video.end_frame),
                fps=reader.fps,
                n_bytes=size_of(video.path) if video.path else None,
            )
            summary.done.append(video.id)
            n_clips = sum(len(clips) for _, clips in encoded)
            summary.n_clips += n_clips
            progress.video(n_clips)
    return summary


def blank_response(encoder: Encoder, backbone: Backbone, rule: ClipRule) -> NDArray[np.float32]:
    """The response to a black clip; `AqaError` for clips that the network cannot take."""
    try:
        return encoder.blank(rule.length)
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        first_line = str(error).partition("\n")[0]
        raise AqaError(
            f"{backbone.name} cannot take clips of {rule.length} frames, it is made for "
            f"{backbone.clip_length} ({first_line})"
        ) from None


def _damage(video: Video, log: DecoderLog | None, workers: int) -> str | None:
    complaints = log.take() if log else []
    if not complaints:
        return None
    which = " (or a video that was decoded beside it)" if workers > 1 else ""
    return (
        f"{video.path}{which}: damaged: the decoder complained {len(complaints)} times, first of "
        f"{complaints[0]!r}; frames may be wrong"
    )


# What decoding can raise on a bad file. A fault of the device or of the store stops the run.
VIDEO_FAULTS = (AqaError, OSError, cv2.error, MemoryError)


def reason_of(file: Path | None, error: Exception) -> str:
    """One line on what went wrong with a file; `AqaError` names it already."""
    return str(error) if isinstance(error, AqaError) else f"{file}: {error!r}"


def is_reused(
    video: Video, file: Path | None, writer: FeatureStoreWriter, summary: Summary
) -> bool:
    """Whether a store holds a video already; a failure where it holds it of another `file`."""
    if video.id not in writer:
        return False
    asked, stored = (video.start_frame or 0, video.end_frame), writer.frames(video.id)
    size, then = size_of(file) if file else None, writer.n_bytes(video.id)
    changed = None
    if asked != stored:
        changed = f"its frames {stored}, the manifest says {asked}"
    elif size is not None and then is not None and size != then:
        changed = f"features of another file of {then} bytes, {file} has {size}"
    if changed:
        reason = f"{writer.path} holds {changed}; name another file with --store"
        summary.failed.append((video.id, reason))
    else:
        summary.reused.append(video.id)
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

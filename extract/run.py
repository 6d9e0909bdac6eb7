"""Stage 1: the videos of a manifest through a backbone, once, into a feature store."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from aqa.annotations.late_stages import late_stages
from aqa.annotations.manifest import Video
from aqa.extract.augment import check_augmentations
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.checkpoints.cache import read_note
from aqa.extract.decoders import decoders_before, warn_of_decoders
from aqa.extract.encode import Encoder, blank_response, encode_video
from aqa.extract.inference import Precision
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary, reason_of, sort_out_stored
from aqa.extract.video.clip_reader import ClipBatch, ClipReader
from aqa.extract.video.decode import (
    DECODE_ERRORS,
    content_of,
    decoder_name,
    decoder_of,
    size_of,
)
from aqa.extract.video.prefetch import prefetched
from aqa.extract.video.sharing import Action, SharedReaders, in_file_order
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter, Spec

# Beside a store: where the frames of long videos lie in their files.
INDEX_FOLDER = ".frames"


def make_spec(
    backbone: Backbone,
    rule: ClipRule,
    shape: Sequence[int],
    augmentations: Sequence[str] = ("original",),
    augmentation_seed: int | None = 0,
    precision: str = "float32",
    dtype: str = "float32",
) -> Spec:
    """Everything that features of this shape depend on, as a store carries it."""
    spec: Spec = {
        "backbone": backbone.name,
        "weights": dataclasses.asdict(backbone.weights),
        "layer": backbone.layer,
        "shape": list(shape),
        "dtype": dtype,
        "precision": precision,
        "clip_length": rule.length,
        "stride": rule.stride,
        "frames": rule.video_length,
        "padding": rule.pad,
        "tail": rule.tail,
        "preprocess": backbone.preprocess.to_dict(),
        "views": list(augmentations),
        "view_seed": augmentation_seed if len(augmentations) > 1 else None,
    }
    if rule.spread:
        spec["spread"] = True
    if rule.window is not None:
        spec["window"] = rule.window
    if backbone.origin is not None:
        spec["origin"] = backbone.origin.to_dict()
    return spec


def extract(
    videos: Sequence[Video],
    backbone: Backbone,
    store: Path,
    rule: ClipRule | None = None,
    *,
    augmentations: Sequence[str] = (),
    augmentation_seed: int = 0,
    device: str = "auto",
    batch_size: int | None = None,
    precision: Precision = "float32",
    dtype: str = "float32",
    workers: int | None = None,
    progress: ExtractionProgress | None = None,
) -> ExtractionSummary:
    """Extract the features of `videos` into `store`; those in it already are reused.

    rule: how videos are cut; by default as the backbone's weights are for.
    augmentations: of each video, to extract beside the original (`aqa.extract.augment`), drawn
    by `augmentation_seed` and the video's id. device: `auto`, `cpu`, `cuda`, ... batch_size:
    clips per forward pass. precision: of the network's arithmetic. dtype: that features are
    stored in, float32 or float16. workers: videos that threads decode ahead; None is 0 on a CPU,
    where decoding beside the network gains nothing, and 8 on a GPU.

    A video that fails is in the summary and stops nothing. Raises `StoreError` where the store
    was made with other settings or is being written.
    """
    rule = rule or backbone.clip_rule()
    progress = progress or ExtractionProgress()
    augmentations = check_augmentations(augmentations)
    encoder = Encoder(backbone, device, batch_size, precision)
    if workers is None:
        workers = 0 if encoder.device.type == "cpu" else 8
    videos = [videos[number] for number in in_file_order([_action(video) for video in videos])]
    before = decoders_before(store)
    blank = blank_response(encoder, backbone, rule.length)
    summary = ExtractionSummary()
    with FeatureStoreWriter(
        store,
        make_spec(backbone, rule, blank.shape, augmentations, augmentation_seed, precision, dtype),
        blank=blank,
        ids=[video.id for video in videos],
        provenance=provenance(encoder.device) | _published(backbone),
    ) as writer:
        todo = sort_out_stored(videos, lambda video: video.path, writer, summary, progress)
        warn_of_decoders(store, before, todo, summary, progress)
        progress.start(len(todo))
        shared = SharedReaders(
            [_action(video) for video in todo], store.parent / INDEX_FOLDER, workers
        )
        readers = [
            ClipReader(
                video,
                backbone.preprocess,
                rule,
                encoder.batch_size,
                augmentations,
                augmentation_seed,
                (shared, number),
            )
            for number, video in enumerate(todo)
        ]
        batches: Iterable[ClipBatch]
        for reader, batches in prefetched(readers, workers):
            video = reader.video
            try:
                encoded = encode_video(batches, encoder, blank, len(augmentations), dtype)
            except DECODE_ERRORS as error:
                summary.fail(video.id, reason_of(video.path, error), progress)
                progress.video(0)
                continue
            for warning in reader.warnings:
                summary.warn(video.id, f"{video.path}: {warning}", progress)
            if late := late_stages(video, reader.n_frames):
                summary.warn(video.id, f"{video.path}: {late}", progress)
            writer.append(
                video.id,
                encoded,
                n_frames=reader.n_frames,
                frame_range=(video.start_frame or 0, video.end_frame),
                fps=reader.fps,
                n_bytes=size_of(video.path) if video.path else None,
                content=content_of(video.path) if video.path else None,
                decoder=decoder_of(video.path) if video.path else None,
            )
            summary.done.append(video.id)
            n_clips = sum(len(clips) for _, clips in encoded)
            summary.n_clips += n_clips
            progress.video(n_clips)
    return summary


def _action(video: Video) -> Action:
    return Action(video.path or Path(), video.start_frame or 0, video.end_frame)


def _published(backbone: Backbone) -> dict[str, Any]:
    """Where weights from the cache came from, as it is recorded beside their file."""
    path = backbone.weights.path
    note = read_note(Path(path)) if path else None
    return {"checkpoint": note} if note and note.get("sha256") == backbone.weights.sha256 else {}


def provenance(device: torch.device) -> dict[str, Any]:
    """Where and with what features are computed."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "device": str(device),
        "device_name": name or platform.machine(),
        "torch": torch.__version__,
        "decoder": decoder_name(),
        "opencv": cv2.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }

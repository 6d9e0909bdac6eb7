"""Stage 1: the videos of a manifest through a backbone, once, into a feature store."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aqa.annotations.manifest import Video
from aqa.device import pick_devices
from aqa.errors import AqaError
from aqa.extract.augment import check_augmentations
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.decoders import decoders_before, warn_of_decoders
from aqa.extract.engines.choice import AskedEngine, Choice, EngineChoice
from aqa.extract.executors import make_executor
from aqa.extract.inference import Precision
from aqa.extract.parallel.ray_cluster import RayCluster
from aqa.extract.parallel.work_queue import in_order
from aqa.extract.progress import ExtractionProgress
from aqa.extract.provenance import engine_record, joined, published
from aqa.extract.remote.held import folders_of
from aqa.extract.shards import Shard
from aqa.extract.summary import ExtractionSummary, sort_out_stored
from aqa.extract.video.sharing import in_file_order
from aqa.extract.video_encoder import Encoded, EncodingSettings, action_of
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
    engine: Mapping[str, Any] | None = None,
) -> Spec:
    """Everything that features of this shape depend on, as a store carries it.

    engine: see `engine_record`.
    """
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
    if rule.cuts != "ignore":
        spec["cuts"] = rule.cuts
    if backbone.origin is not None:
        spec["origin"] = backbone.origin.to_dict()
    if engine is not None:
        spec["engine"] = dict(engine)
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
    processes: int | None = None,
    shard: Shard | None = None,
    cluster: RayCluster | None = None,
    engine: AskedEngine = "torch",
    progress: ExtractionProgress | None = None,
) -> ExtractionSummary:
    """Extract the features of `videos` into `store`; those in it already are reused.

    rule: how videos are cut; by default as the backbone's weights are for.
    augmentations: of each video, to extract beside the original (`aqa.extract.augment`), drawn
    by `augmentation_seed` and the video's id. device: `auto`, `cpu`, `cuda`, `cuda:0,cuda:1`, ...;
    see `pick_devices`. batch_size: clips per forward pass. precision: of the network's arithmetic.
    dtype: that features are stored in, float32 or float16. workers: videos that threads decode
    ahead; None is 0 on a CPU, where decoding beside the network gains nothing, and 8 on a GPU.
    processes: that decode and encode, each on one device; None: this one alone, or one for each of
    several devices. The store does not depend on how many there are. shard: the share of the videos
    that is extracted, see `aqa.features.store.merge_stores`. cluster: the machines that decode and
    encode instead of this one; `device` is then `cpu`, or else whatever they have. engine: what
    runs the network; see `EngineChoice`.

    A video that fails is in the summary and stops nothing. Raises `StoreError` where the store
    was made with other settings or is being written.
    """
    rule = rule or backbone.clip_rule()
    progress = progress or ExtractionProgress()
    augmentations = check_augmentations(augmentations)
    settings = EncodingSettings(
        rule,
        augmentations,
        augmentation_seed,
        batch_size,
        precision,
        dtype,
        workers,
        store.parent / INDEX_FOLDER,
    )
    everything, videos = videos, extraction_order(videos if shard is None else shard.of(videos))
    before = decoders_before(store)
    summary = ExtractionSummary()
    devices = (device,) if cluster else pick_devices(device)
    possible = EngineChoice(engine, settings, backbone, store, videos, devices[0], everything)
    choice = _choose(possible, engine, cluster, summary, progress)
    if choice.engine == "openvino" and device == "auto":
        devices = ("cpu",)  # also where there is a GPU
    settings = dataclasses.replace(settings, engine=choice.engine, int8=choice.int8)
    with make_executor(backbone, settings, devices, processes, cluster) as executor:
        blank = executor.blank
        record = (choice.stored or {}).get("engine")
        if choice.stored is None:
            record = engine_record(choice.engine, executor.made, choice.int8)
        spec = make_spec(
            *(backbone, rule, blank.shape, augmentations, augmentation_seed, precision, dtype),
            engine=record,
        )
        with FeatureStoreWriter(
            store,
            spec,
            blank=blank,
            ids=[video.id for video in videos],
            provenance={
                **joined(executor.made),
                **published(backbone),
                **({} if shard is None else {"shard": str(shard)}),
                **({"urls": folders} if (folders := folders_of(videos)) else {}),
            },
        ) as writer:
            todo = sort_out_stored(videos, lambda video: video.path, writer, summary, progress)
            warn_of_decoders(store, before, todo, summary, progress)
            progress.start(len(todo))
            progress.event("start", store=str(store), videos=len(todo), reused=len(summary.reused))
            pace = summary.pace
            started = time.perf_counter()
            for encoded in in_order(executor.encode(todo)):
                _write(todo[encoded.number], encoded, writer, summary, progress)
                pace.seconds = time.perf_counter() - started
            pace.processes = len(executor.made)  # of a cluster, some come later
    progress.event(
        "end",
        extracted=len(summary.done),
        reused=len(summary.reused),
        failed=[video_id for video_id, _ in summary.failed],
        **dataclasses.asdict(summary.pace),
        **({"bound_by": summary.pace.bound_by} if summary.done else {}),
    )
    return summary


def _choose(
    possible: EngineChoice,
    asked: AskedEngine,
    cluster: RayCluster | None,
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> Choice:
    """The engine. On this machine, warn too where the precision is of no use."""
    if cluster is not None and asked == "auto":
        raise AqaError(
            "--engine auto measures this machine, not those of --on ray; name torch or openvino"
        )
    choice = possible.choose(summary, progress)
    if cluster is None:
        possible.check_precision(choice.engine, summary, progress)
    return choice


def extraction_order(videos: Sequence[Video]) -> list[Video]:
    """Videos in the order that a store holds them: the manifest's, but for actions of one file."""
    return [videos[number] for number in in_file_order([action_of(video) for video in videos])]


def _write(
    video: Video,
    encoded: Encoded,
    writer: FeatureStoreWriter,
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> None:
    """Add a video to the store, or note why it has failed."""
    pace = summary.pace
    pace.decoding += encoded.decoding
    pace.encoding += encoded.encoding
    if encoded.failure is not None:
        summary.fail(video.id, encoded.failure, progress)
        progress.video(0)
        progress.event("video", video_id=video.id, outcome="failed", reason=encoded.failure)
        return
    for warning in encoded.warnings:
        summary.warn(video.id, warning, progress)
    started = time.perf_counter()
    writer.append(
        video.id,
        encoded.features,
        n_frames=encoded.n_frames,
        frame_range=(video.start_frame or 0, video.end_frame),
        fps=encoded.fps,
        n_bytes=encoded.n_bytes,
        content=encoded.content,
        decoder=encoded.decoder,
    )
    pace.writing += time.perf_counter() - started
    pace.n_clips += encoded.n_clips
    summary.done.append(video.id)
    summary.n_clips += encoded.n_clips
    progress.video(encoded.n_clips)
    progress.event(
        "video",
        video_id=video.id,
        outcome="extracted",
        clips=encoded.n_clips,
        warnings=encoded.warnings,
        decoding=round(encoded.decoding, 4),
        encoding=round(encoded.encoding, 4),
        **({"url": video.where, "content": encoded.content} if video.url else {}),
    )

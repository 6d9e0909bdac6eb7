"""Features of new videos, extracted as a store was made, for the heads fitted on that store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.engines.names import engine_for_new_videos
from aqa.extract.poses.run import video_poses
from aqa.extract.poses.settings import settings_of
from aqa.extract.rebuild import rebuild_backbone, rule_of
from aqa.extract.video.clip_reader import ClipReader
from aqa.features.store import Spec, spec_differences
from aqa.features.store.network_file import network_of
from aqa.features.video_features import VideoFeatures
from aqa.models.examples import example_of
from aqa.models.heads.base import Head
from aqa.models.runs import Run
from aqa.models.training.loop import threads_for
from aqa.workflows.measure.again import features_of, measured_as, of_joints
from aqa.workflows.measure.run import MeasuredVideo


@dataclass(frozen=True)
class ExtractedVideo:
    """A new video's features, and a line for each way in which its file was not as it said.

    measured: the aspects that the features are made of, where they are.
    """

    features: VideoFeatures
    warnings: tuple[str, ...] = ()
    measured: MeasuredVideo | None = None


@dataclass(frozen=True)
class VideoExtractor:
    """Extracts new videos as a store was made.

    extract: `Video` -> its features. blank: the feature of a clip of black frames, (dim,); None
    for joints.
    """

    extract: Callable[[Video], ExtractedVideo]
    blank: NDArray[np.float32] | None


def reads_joints(spec: Spec) -> bool:
    """Whether features are made of joints or aspects, so that a new "video" is a file of joints."""
    return "joints" in spec or "aspects" in spec


def extractor_for(
    spec: Spec,
    *,
    weights: str | Path | None = None,
    backbone: str | None = None,
    device: str = "auto",
    store: Path | None = None,
) -> VideoExtractor:
    """What extracts new videos as the store with this spec was made.

    A new "video" for a store of joints, or of aspects, is a file of joints. weights, backbone: see
    `aqa.extract.rebuild.rebuild_backbone`. store: its path, beside which the network lies where its
    features are of int8.
    """
    if "joints" in spec:
        if weights is not None:
            raise AqaError(f"{weights}: joints are read from files; leave out --weights")
        return VideoExtractor(lambda video: _read_joints(video, spec), None)
    if "aspects" in spec:
        if weights is not None:
            raise AqaError(f"{weights}: aspects are measured in joints; leave out --weights")
        return VideoExtractor(lambda video: _measure(video, spec), None)
    engine = engine_for_new_videos(spec)
    if engine == "openvino" and device not in ("auto", "cpu"):
        raise AqaError(
            f"--device {device}: the features that the head was fitted on are by OpenVINO, which "
            "runs on the CPU: leave out --device; or extract them with --engine torch into another "
            "store, and fit the head on that"
        )
    network = rebuild_backbone(spec, weights, backbone)
    rule = rule_of(spec)
    int8 = None if store is None else network_of(spec, store)
    if spec["precision"] == "int8" and int8 is None:
        raise AqaError(
            f"the features of {spec['backbone']!r} are of int8, and the record does not tell the "
            "file of the network; extract the features and fit the head again"
        )
    with threads_for(network.net):
        encoder = Encoder(network, device, precision=spec["precision"], engine=engine, int8=int8)
        blank = encoder.blank(rule.length)

    def extract(video: Video) -> ExtractedVideo:
        reader = ClipReader(video, network.preprocess, rule, encoder.batch_size)
        with threads_for(network.net):
            ((features, clips),) = encode_video(reader, encoder, blank, dtype=spec["dtype"])
        start = video.start_frame or 0
        seen = VideoFeatures(features, clips, reader.n_frames, start, reader.fps)
        return ExtractedVideo(seen, reader.warnings)

    return VideoExtractor(extract, blank)


def _read_joints(video: Video, spec: Spec) -> ExtractedVideo:
    file = of_joints(video)
    poses = video_poses(file, settings_of(spec))
    start = video.start_frame or 0
    seen = VideoFeatures(poses.joints, poses.clips, len(poses.joints), start, poses.fps)
    return ExtractedVideo(seen)


def _measure(video: Video, spec: Spec) -> ExtractedVideo:
    one = measured_as(of_joints(video), spec)
    return ExtractedVideo(*features_of(one, spec), one)


def check_same_features(runs: Sequence[Run]) -> None:
    """Refuse runs that were fitted on different kinds of features: one video has but one kind."""
    for run in runs[1:]:
        differences = spec_differences(runs[0].spec, run.spec)
        if differences:
            raise AqaError(
                f"{runs[0].folder} and {run.folder} were fitted on different features: "
                f"{'; '.join(differences)}; choose one with --split"
            )


def predicted_score(head: Head, video: Video, seen: VideoFeatures) -> float:
    """What a head predicts of one video."""
    example = example_of(video, seen.features, seen.clips, head.answer_columns)
    return float(head.predict_examples(example)[0])


def check_told(run: Run, video: Video) -> None:
    """Refuse a run whose head must be told more of a video than is known, before extracting."""
    if video.action is None and "action" in run.head.answer_columns:
        raise AqaError(
            f"{run.folder}: fitted on several actions; give that of the video, with --action"
        )
    if video.difficulty is None and run.known_difficulty:
        raise AqaError(
            f"{run.folder}: fitted with difficulty={run.known_difficulty}; "
            "give the difficulty of the video, as --difficulty 3.2"
        )

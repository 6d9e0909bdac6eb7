"""Aspects measured as a store of them was made: of a new file of joints, or for their frames."""

from __future__ import annotations

from collections.abc import Mapping

from aqa.annotations.manifest import Video
from aqa.extract.poses.poses import TOLD_BY_FILE
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.aspects.measure import Measured
from aqa.features.aspects.read import parse_aspects
from aqa.features.clips import Clip
from aqa.features.store import Spec
from aqa.features.video_features import VideoFeatures
from aqa.workflows.measure.bodies import BodySource
from aqa.workflows.measure.run import MeasuredVideo, measure_video


def measure_joints(video: Video, spec: Spec) -> tuple[VideoFeatures, tuple[str, ...]]:
    """One row of a file of joints, and a line for each aspect that it should have and lacks."""
    one = _measured(video, spec)
    definition = parse_aspects(spec["definition"], "the store's aspects")
    row = one.vector(definition)[None]
    lacking = [
        f"{name} could not be measured ({found.why}) and counts as {aspect.neutral:g}"
        for name, found in one.aspects.items()
        if found.applies and found.value is None
        for aspect in [definition.by_name[name]]
    ]
    return VideoFeatures(row, [Clip(0, one.n_frames)], one.n_frames, 0, one.fps), tuple(lacking)


def measured_again(video: Video, spec: Spec) -> Mapping[str, Measured]:
    """Aspect -> what it is, with the frame; nothing where the video's joints are not at hand."""
    if not spec.get("definition") or video.poses is None:
        return {}
    try:
        return _measured(video, spec).aspects
    except DECODE_ERRORS:
        return {}


def _measured(video: Video, spec: Spec) -> MeasuredVideo:
    definition = parse_aspects(spec["definition"], "the store's aspects")
    still = bool((spec.get("preprocess") or {}).get("still_camera"))
    return measure_video(video, definition, BodySource(None, TOLD_BY_FILE), True, still)

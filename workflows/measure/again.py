"""Aspects measured as a store of them was made: of a new file of joints, or for their frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aqa.annotations.manifest import Video
from aqa.extract.poses.poses import TOLD_BY_FILE
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.features.aspects.measure import Measured, not_applying
from aqa.features.aspects.read import parse_aspects
from aqa.features.clips import Clip
from aqa.features.store import Spec
from aqa.features.video_features import VideoFeatures
from aqa.workflows.measure.bodies import BodySource, columns_of
from aqa.workflows.measure.run import MeasuredVideo, measure_video

BY_FILE = BodySource(None, TOLD_BY_FILE)


def features_of(one: MeasuredVideo, spec: Spec) -> tuple[VideoFeatures, tuple[str, ...]]:
    """The one row of a store of aspects, and a line for each that the video should have and lacks.

    one: a file of joints, measured as the store with this spec. What the store has of no video, as
    the camera moved or nobody looked at pixels, is not lacking.
    """
    pixels, still_camera = _how(spec)
    never = {kind for kind, looked in (("splash", pixels), ("travel", still_camera)) if not looked}
    definition = parse_aspects(spec["definition"], "the store's aspects")
    row = one.vector(definition)[None]
    lacking = [
        f"{name} could not be measured ({found.why}) and counts as {aspect.neutral:g}"
        for name, found in one.aspects.items()
        for aspect in [definition.by_name[name]]
        if found.applies and found.value is None and aspect.kind not in never
    ]
    whole = [Clip(0, one.n_frames)]
    return VideoFeatures(row, whole, one.n_frames, one.offset, one.fps), tuple(lacking)


def measured_again(video: Video, spec: Spec) -> MeasuredVideo | None:
    """A video whose features are known, measured for the frames; None where it cannot be.

    A video without joints of its own may be a file of them.
    """
    if not spec.get("definition"):
        return None
    try:
        return measured_as(video if video.poses else of_joints(video), spec)
    except DECODE_ERRORS:
        return None


def told_aspects(video: Video, spec: Spec, one: MeasuredVideo | None) -> Mapping[str, Measured]:
    """Aspect -> what it is, with the frame.

    one: the video, measured. Where it could not be, only those aspects are told that are not of
    such a video.
    """
    if one is not None or not spec.get("definition"):
        return {} if one is None else one.aspects
    definition, columns = parse_aspects(spec["definition"], "the aspects"), columns_of(video)
    told = {aspect.name: not_applying(aspect, columns) for aspect in definition.aspects}
    return {name: found for name, found in told.items() if found is not None}


def of_joints(video: Video) -> Video:
    """A new "video" that is a file of joints, as one that has nothing else."""
    return replace(video, path=None, poses=video.path)


def measured_as(video: Video, spec: Spec) -> MeasuredVideo:
    """The aspects of a video, measured as those of the store with this spec."""
    definition = parse_aspects(spec["definition"], "the store's aspects")
    return measure_video(video, definition, BY_FILE, *_how(spec))


def same_measuring(spec: Spec, other: Spec) -> bool:
    """Whether the stores with these specs are measured alike, so that one video is done once."""
    return spec["definition"] == other.get("definition") and _how(spec) == _how(other)


def _how(spec: Spec) -> tuple[bool, bool]:
    """Whether pixels are looked at, and whether the camera stands still."""
    how = spec.get("preprocess") or {}
    return bool(how.get("pixels", True)), bool(how.get("still_camera"))

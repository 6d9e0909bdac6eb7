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


def measure_joints(video: Video, spec: Spec) -> tuple[VideoFeatures, tuple[str, ...]]:
    """One row of a file of joints, and a line for each aspect that it should have and lacks."""
    one = measured_as(video, spec)
    definition = parse_aspects(spec["definition"], "the store's aspects")
    row = one.vector(definition)[None]
    lacking = [
        f"{name} could not be measured ({found.why}) and counts as {aspect.neutral:g}"
        for name, found in one.aspects.items()
        if found.applies and found.value is None
        for aspect in [definition.by_name[name]]
    ]
    whole = [Clip(0, one.n_frames)]
    return VideoFeatures(row, whole, one.n_frames, one.offset, one.fps), tuple(lacking)


def measured_again(video: Video, spec: Spec) -> Mapping[str, Measured]:
    """Aspect -> what it is, with the frame.

    A video without joints of its own may be a file of them. Where none are at hand, only those
    aspects are told that are not of such a video.
    """
    if not spec.get("definition"):
        return {}
    try:
        return measured_as(video if video.poses else of_joints(video), spec).aspects
    except DECODE_ERRORS:
        definition, columns = parse_aspects(spec["definition"], "the aspects"), columns_of(video)
        told = {one.name: not_applying(one, columns) for one in definition.aspects}
        return {name: found for name, found in told.items() if found is not None}


def of_joints(video: Video) -> Video:
    """A new "video" that is a file of joints, as one that has nothing else."""
    return replace(video, path=None, poses=video.path)


def measured_as(video: Video, spec: Spec) -> MeasuredVideo:
    """The aspects of a video, measured as those of the store with this spec."""
    definition = parse_aspects(spec["definition"], "the store's aspects")
    how = spec.get("preprocess") or {}
    pixels, still = bool(how.get("pixels", True)), bool(how.get("still_camera"))
    return measure_video(video, definition, BY_FILE, pixels, still)

"""Follows a person before a camera that stands still or moves little, as BlazePose was made for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aqa.extract.poses.estimation.blazepose import BlazePose, BodyPose
from aqa.extract.poses.estimation.detector import Detection
from aqa.extract.video.source import Frame


def follow_still(
    frames: Iterable[Frame], networks: BlazePose, least: float
) -> Iterator[BodyPose | None]:
    """The person on each frame; None where nobody is found.

    A body is looked for where it was on the frame before; where it was lost, all over the picture
    (bazarevsky2020 §2). Of several people the largest is taken. least: the score of a body, and of
    a detection, that counts.
    """
    body: BodyPose | None = None
    for frame in frames:
        if body is not None:
            body = _counting(networks.body(frame, body.next), least)
        if body is None:
            body = _largest(frame, networks, least)
        yield body


def _largest(frame: Frame, networks: BlazePose, least: float) -> BodyPose | None:
    """The largest person in a picture in whom both networks believe."""
    for found in sorted(networks.detect(frame, least), key=_size, reverse=True):
        body = _counting(networks.body(frame, found.region), least)
        if body is not None:
            return body
    return None


def _size(found: Detection) -> float:
    return found.region.size


def _counting(body: BodyPose, least: float) -> BodyPose | None:
    return body if body.score >= least else None

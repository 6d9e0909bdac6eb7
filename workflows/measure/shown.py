"""What was measured of one video, as a page shows it: a sentence, a frame, and drawn lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aqa.annotations.manifest import Manifest, Video
from aqa.extract.video.browser import jpeg
from aqa.extract.video.decode import DECODE_ERRORS, read_frames
from aqa.features.aspects.body import SIDES, BodyJoints, is_sided
from aqa.features.aspects.definition import Aspect, AspectSet
from aqa.features.aspects.measure import Measured
from aqa.features.aspects.read import parse_aspects
from aqa.features.store import FeatureStore, Spec
from aqa.models.feedback import AspectFeedback
from aqa.workflows.measure.again import measured_as, same_measuring
from aqa.workflows.measure.percentiles import compare
from aqa.workflows.measure.run import BACKBONE, DOUBTFUL, NEUTRAL, MeasuredVideo

Line = tuple[tuple[float, float], ...]
# Of one video; pictures are of the first of these.
MOST_SHOWN, MOST_PICTURES = 6, 3
# Of training videos that are better; what fewer are better than is not worth a place.
_LEAST_WORSE = 50.0


@dataclass(frozen=True)
class AspectPicture:
    """A frame with what is measured on it: JPEG, size in pixels, lines in pixels of the frame."""

    data: bytes
    width: int
    height: int
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ShownAspect:
    """One aspect of a video.

    says: a sentence. standing: how it compares with training videos, "" where with none. cost: what
    a head says that it costs, "" for none. frame: of the video file; None where it is of no single
    one.
    """

    name: str
    says: str
    standing: str
    cost: str
    frame: int | None
    confidence: float
    picture: AspectPicture | None


@dataclass(frozen=True)
class ShownAspects:
    """What is shown of a video, the worst first, and the names of those too unsure to be shown."""

    aspects: tuple[ShownAspect, ...] = ()
    doubtful: tuple[str, ...] = ()


def shown_aspects(
    video: Video,
    manifest: Manifest,
    training: Sequence[str],
    store: Path,
    said: AspectFeedback | None,
    known: tuple[Spec, MeasuredVideo] | None = None,
) -> ShownAspects:
    """What a store of aspects beside the features tells of a video, the worst first.

    training: ids of the videos to compare with. store: the features' own; a store of aspects is
    the first `aspects-*.h5` in its folder that holds the video. said: what a head says of its
    aspects. known: a spec, and the video measured by it. Nothing without such a store or without
    joints.
    """
    learned = [manifest.by_id[i] for i in training if i in manifest.by_id]
    found = _store_of(video, store, learned)
    if found is None or video.poses is None:
        return ShownAspects()
    spec, definition, others = found
    try:
        one = known[1] if known and same_measuring(spec, known[0]) else measured_as(video, spec)
    except DECODE_ERRORS:
        return ShownAspects()
    body = one.body
    assert body is not None  # of a video that was measured just now
    rows = []
    doubtful = tuple(name for name, measured in one.aspects.items() if measured.doubtful)
    for aspect in definition.aspects:
        measured = one.aspects[aspect.name]
        if measured.value is None or measured.doubtful:
            continue
        against = compare(aspect, video, measured.value, learned, others)
        worse = against.worse_than if against else None
        points = {mark.aspect: mark for mark in said.aspects} if said else {}
        cost = points[aspect.name].points if aspect.name in points else 0.0
        standing = ""
        if against is not None:
            of = f" of type {against.type}" if against.type else ""
            standing = (
                f"{against.standing(aspect)} training videos{of}, whose median is "
                f"{aspect.with_unit(against.median)}"
            )
        if (cost < -0.05) if said else (worse or 0.0) > _LEAST_WORSE:
            far = (against.spreads if against else None) or 0.0
            rows.append(((cost, -far), aspect, measured, standing, cost))
    rows.sort(key=lambda row: row[0])
    shown = tuple(
        ShownAspect(
            aspect.name,
            aspect.sentence(measured.value or 0.0),
            standing,
            f"costs {-cost:.1f} points" if cost < 0 else "",
            None if measured.frame is None else measured.frame + one.offset,
            measured.confidence,
            _picture(aspect, measured, body, video) if place < MOST_PICTURES else None,
        )
        for place, (_, aspect, measured, standing, cost) in enumerate(rows[:MOST_SHOWN])
    )
    return ShownAspects(shown, doubtful)


def _store_of(
    video: Video, store: Path, others: Sequence[Video]
) -> tuple[Spec, AspectSet, dict[str, dict[str, Measured]]] | None:
    """A store of aspects that holds the video: its spec and definition, and what others have."""
    for path in sorted(store.parent.glob(f"{BACKBONE}-*.h5")):
        with FeatureStore.open(path) as opened:
            text = opened.spec.get("definition")
            if not text or video.id not in opened:
                continue
            definition = parse_aspects(text, str(path))
            if opened.spec["shape"] != [len(definition.aspects)]:
                continue
            unlike = [_noted(opened, key) for key in (NEUTRAL, DOUBTFUL)]
            values = {
                other.id: {
                    aspect.name: Measured(float(value), confidence=1.0)
                    for aspect, value in zip(definition.aspects, opened[other.id][0], strict=True)
                    if not any(other.id in one.get(aspect.name, ()) for one in unlike)
                }
                for other in others
                if other.id in opened
            }
            return opened.spec, definition, values
    return None


def _noted(store: FeatureStore, key: str) -> dict[str, set[str]]:
    """Aspect -> videos that the store notes under a key, as far as it does."""
    told = store.provenance.get(key)
    if not isinstance(told, dict):
        return {}
    return {
        name: {i for i in ids if isinstance(i, str)}
        for name, ids in told.items()
        if isinstance(ids, list)
    }


def _picture(
    aspect: Aspect, measured: Measured, body: BodyJoints, video: Video
) -> AspectPicture | None:
    if measured.frame is None or video.path is None or not video.path.exists():
        return None
    number = measured.frame + (video.start_frame or 0)
    frame = read_frames(video.path, [number])[number]
    height, width = frame.shape[:2]
    return AspectPicture(jpeg(frame, 320), width, height, _lines(aspect, measured.frame, body))


def _lines(aspect: Aspect, frame: int, body: BodyJoints) -> tuple[Line, ...]:
    """The points of an aspect joined by lines, and the vertical where it is measured against."""
    if body.joints.shape[2] != 2:
        return ()
    sided = any(map(is_sided, aspect.points))
    found: list[Line] = []
    for side in SIDES if sided else ("",):
        names = [f"{side} {name}" if is_sided(name) else name for name in aspect.points]
        points = [body.point(name) for name in names]
        places = [point[0][frame] for point in points if point is not None]
        if len(places) != len(names) or not np.isfinite(places).all():
            continue
        spots = [(float(x), float(y)) for x, y in places]
        pairs = aspect.kind in ("limb-limb", "ratio")
        found += [tuple(spots[:2]), tuple(spots[2:])] if pairs else [tuple(spots)]
        if aspect.kind == "limb-vertical":
            (x, y), (_, other) = spots
            found.append(((x, y), (x, other)))
    return tuple(line for line in found if len(line) > 1)

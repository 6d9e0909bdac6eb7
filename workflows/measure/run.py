"""Measures the aspects of videos, and writes them as a table and as a feature store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError
from aqa.extract.poses.settings import AS_FILES_SAY, JointOptions
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import reason_of
from aqa.extract.video.decode import DECODE_ERRORS
from aqa.extract.white_water import white_frames
from aqa.features.aspects.body import BodyJoints
from aqa.features.aspects.definition import AspectSet
from aqa.features.aspects.measure import LEAST_SURE, Measured, Seen, measure
from aqa.features.clips import Clip
from aqa.features.store import FeatureStoreWriter, Spec, StoreError
from aqa.files import make_folder, replacing
from aqa.workflows.measure.bodies import BodySource, bodies_from, columns_of
from aqa.workflows.measure.percentiles import Compared, compare

BACKBONE = "aspects"
# In a store's provenance: aspect -> ids of the videos in which it has no value but its neutral one.
NEUTRAL = "neutral"
# The same of those whose value there is too unsure to be told, or compared with.
DOUBTFUL = "doubtful"


@dataclass(frozen=True)
class MeasuredVideo:
    """The aspects of one video.

    fps: NaN where not known. body: what they are measured in; None where it is kept no longer.
    offset: the first frame in the file.
    """

    video: Video
    aspects: Mapping[str, Measured]
    n_frames: int
    fps: float
    body: BodyJoints | None = field(default=None, repr=False, compare=False)

    @property
    def offset(self) -> int:
        """The number, in the video file, of the first frame that is looked at."""
        return self.video.start_frame or 0

    def vector(self, definition: AspectSet) -> NDArray[np.float32]:
        """The values in the order of the set; `neutral` where there is none."""
        values = []
        for aspect in definition.aspects:
            value = self.aspects[aspect.name].value
            values.append(aspect.neutral if value is None else value)
        return np.array(values, np.float32)


@dataclass
class Measurements:
    """What was measured, and how. failed: (video id, reason). warnings: one line each."""

    definition: AspectSet
    pixels: bool
    still_camera: bool
    videos: list[MeasuredVideo] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def by_id(self) -> dict[str, Mapping[str, Measured]]:
        """Video -> aspect -> what it is."""
        return {one.video.id: one.aspects for one in self.videos}


def measure_videos(
    videos: Sequence[Video],
    definition: AspectSet,
    poses: Path | None = None,
    options: JointOptions = AS_FILES_SAY,
    *,
    only: Collection[str] = (),
    pixels: bool = True,
    still_camera: bool = False,
    progress: ExtractionProgress | None = None,
) -> Measurements:
    """Measure the aspects of videos; one that fails is noted and stops nothing.

    poses: a folder of joints or a store of them; None: the manifest's. only: ids of those to
    measure, as all are together; all where there are none. pixels: look at the frames of videos,
    where an aspect takes that.
    """
    progress = progress or ExtractionProgress()
    found = Measurements(definition, pixels, still_camera)
    placed, source = bodies_from(videos, poses, options, progress.line)
    placed = [video for video in placed if not only or video.id in only]
    progress.start(len(placed))
    for video in placed:
        try:
            one = measure_video(video, definition, source, pixels, still_camera)
        except DECODE_ERRORS as error:
            found.failed.append((video.id, reason_of(video.poses, error)))
            progress.video(0)
            continue
        found.videos.append(replace(one, body=None))  # all bodies together are large
        progress.video(1)
    if not only:
        found.warnings += _unmeasured(found)
    return found


def measure_video(
    video: Video,
    definition: AspectSet,
    source: BodySource,
    pixels: bool = True,
    still_camera: bool = False,
) -> MeasuredVideo:
    """Measure the aspects of one video."""
    body, fps = source.body(video)
    looked = pixels and definition.needs_pixels and video.path is not None and video.path.exists()
    white = white_frames(video) if looked else None
    if white is not None and len(white.shares) != len(body):
        raise AqaError(
            f"{video.path}: {len(white.shares)} frames, and joints of {len(body)}; read the joints "
            "of this very video"
        )
    seen = Seen(body, fps, video.stages, columns_of(video), white, still_camera)
    return MeasuredVideo(video, measure(definition, seen), len(body), fps, body)


def _unmeasured(found: Measurements) -> list[str]:
    """Lines on each aspect that could not be measured, or is doubtful, in some videos."""
    lines = []
    columns = {column for one in found.videos for column in columns_of(one.video)}
    for aspect in found.definition.aspects:
        for column in aspect.only:
            if found.videos and column not in columns:
                lines.append(
                    f"{aspect.name}: measured in no video, as it is only of some values of the "
                    f"column {column}, which no video of the manifest has"
                )
        there = [one.aspects[aspect.name] for one in found.videos]
        lacking = [m for m in there if m.applies and m.value is None]
        if lacking:
            why = max({m.why for m in lacking}, key=lambda why: [m.why for m in lacking].count(why))
            lines.append(
                f"{aspect.name}: not measured in {len(lacking)} of {len(there)} videos, most often "
                f"since {why}; the store holds {aspect.neutral:g} there"
            )
        doubtful = sum(m.doubtful for m in there)
        if doubtful:
            lines.append(
                f"{aspect.name}: doubtful in {doubtful} of {len(there)} videos, as the joints' "
                f"confidence is below {LEAST_SURE:g}; the store holds the value all the same"
            )
    return lines


def aspects_spec(definition: AspectSet, pixels: bool, still_camera: bool) -> Spec:
    """The spec of a store of aspects; only such a store has `aspects`."""
    return {
        "backbone": f"{BACKBONE}-{definition.name}",
        "weights": {"name": None, "sha256": None, "fitted_on": None},
        "layer": None,
        "shape": [len(definition.aspects)],
        "dtype": "float32",
        "clip_length": None,
        "stride": None,
        "frames": None,
        "padding": None,
        "tail": None,
        "preprocess": {"pixels": pixels, "still_camera": still_camera},
        "aspects": [aspect.name for aspect in definition.aspects],
        "definition": definition.text,
        "views": ["original"],
    }


def write_store(found: Measurements, path: Path, force: bool = False) -> None:
    """Write a store with one row per video, in one step; `StoreError` where it exists, or empty."""
    if path.exists() and not force:
        raise StoreError(
            f"{path}: it exists; replace it with --force, or name another file with --store"
        )
    if not found.videos:
        raise StoreError(f"{path}: not written, as no video could be measured")
    spec = aspects_spec(found.definition, found.pixels, found.still_camera)
    neutral = {
        aspect.name: [o.video.id for o in found.videos if o.aspects[aspect.name].value is None]
        for aspect in found.definition.aspects
    }
    make_folder(path.parent)
    doubtful = {
        aspect.name: [o.video.id for o in found.videos if o.aspects[aspect.name].doubtful]
        for aspect in found.definition.aspects
    }
    with replacing(path) as temporary:
        temporary.unlink()  # the writer makes its own
        ids = [one.video.id for one in found.videos]
        with FeatureStoreWriter(
            temporary,
            spec,
            ids=ids,
            provenance={NEUTRAL: neutral, DOUBTFUL: doubtful},
            durable=False,
        ) as writer:
            for one in found.videos:
                row = one.vector(found.definition)[None]
                whole = [Clip(0, one.n_frames)]
                frame_range = (one.offset, one.video.end_frame)
                writer.append(
                    one.video.id,
                    [(row, whole)],
                    n_frames=one.n_frames,
                    frame_range=frame_range,
                    fps=one.fps,
                )


def table_rows(
    found: Measurements, manifest: Manifest, split: str | None, ids: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row per video and aspect, with percentiles among the training videos of a split.

    ids: only of these videos; all where there are none.
    """
    training = [manifest.by_id[i] for i in manifest.split(split).train] if split else []
    known = found.by_id
    return [
        _row(found.definition, one, name, training, known)
        for one in found.videos
        if not ids or one.video.id in ids
        for name in one.aspects
    ]


def _row(
    definition: AspectSet,
    one: MeasuredVideo,
    name: str,
    training: Sequence[Video],
    known: Mapping[str, Mapping[str, Measured]],
) -> dict[str, Any]:
    aspect, measured = definition.by_name[name], one.aspects[name]
    frame = None if measured.frame is None else measured.frame + one.offset
    compared: Compared | None = None
    if measured.value is not None and not measured.doubtful and training:
        compared = compare(aspect, one.video, measured.value, training, known)
    seconds = None if frame is None or not one.fps > 0 else frame / one.fps
    return {
        "video_id": one.video.id,
        "aspect": name,
        "value": _rounded(measured.value, 4),
        "unit": aspect.unit,
        "frame": "" if frame is None else frame,
        "seconds": _rounded(seconds, 3),
        "confidence": _rounded(None if measured.value is None else measured.confidence, 3),
        "doubtful": "yes" if measured.doubtful else "",
        "percentile": _rounded(compared.percentile if compared else None, 1),
        "worse_than": _rounded(compared.worse_than if compared else None, 1),
        "spreads": _rounded(compared.spreads if compared else None, 2),
        "compared_with": "" if compared is None else compared.videos,
        "of_type": "" if compared is None else compared.type,
        "median": _rounded(compared.median if compared else None, 4),
        "standing": "" if compared is None else compared.standing(aspect),
        "why_not": measured.why,
    }


def _rounded(value: float | None, digits: int) -> float | str:
    return "" if value is None else round(value, digits)

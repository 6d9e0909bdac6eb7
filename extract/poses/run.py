"""Stage 1 without a network: joints from files into a feature store, one row per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.extract.poses.files import PoseError, Poses, filled, find_poses, read_poses
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary, reason_of, sort_out_stored
from aqa.extract.video.decode import DECODE_ERRORS, content_of, open_video, size_of
from aqa.features.clips import Clip
from aqa.features.store import FeatureStoreWriter, Spec

BACKBONE = "pose"


class VideoPoses(NamedTuple):
    """The joints of a video's frames.

    joints: float32 (frames, 2 x joints): x and y of the first joint, x and y of the second, ...,
    in pixels. names: one per joint. fps: frames per second of the video; NaN where not known.
    """

    joints: NDArray[np.float32]
    names: tuple[str, ...]
    fps: float

    @property
    def clips(self) -> list[Clip]:
        """One per frame."""
        return [Clip(i, i + 1) for i in range(len(self.joints))]


def video_poses(video: Video, max_missing: float, names: Sequence[str] | None = None) -> VideoPoses:
    """Read and fill the joints of the frames of a video that the manifest asks for.

    max_missing: the largest share of them that may be missing. names: the joints there must be.
    Where the video itself is there, it must have as many frames as there are joints of; files
    that leave out frames without anybody may end earlier.
    """
    if video.poses is None:
        raise PoseError(f"{video.id}: no joints: fill the manifest's column poses, or give --poses")
    poses, fps = _poses_of(video.poses, video.path)
    if names is not None and list(names) != list(poses.names):
        raise PoseError(
            f"{video.poses}: {len(poses.names)} joints ({', '.join(poses.names[:3])}, ...), "
            f"the store has {len(names)} ({', '.join(names[:3])}, ...)"
        )
    start, stop = video.start_frame or 0, video.end_frame or len(poses.joints)
    if stop > len(poses.joints) or start >= stop:
        raise PoseError(
            f"{video.poses}: joints of {len(poses.joints)} frames, "
            f"the manifest asks for frames {start} to {stop}"
        )
    asked = Poses(poses.joints[start:stop], poses.names)
    joints = filled(asked, max_missing, video.poses)
    return VideoPoses(joints.reshape(len(joints), -1), poses.names, fps)


def _poses_of(file: Path, path: Path | None) -> tuple[Poses, float]:
    """The joints of all frames of the video at `path`, and its frames per second."""
    if path is None or not path.exists():
        return read_poses(file), float("nan")
    source = open_video(path)
    poses = read_poses(file, source.promised)
    if source.promised not in (None, len(poses.joints)):
        n_frames = sum(1 for _ in source.frames())  # the container may be wrong
        poses = read_poses(file, n_frames)
        if n_frames != len(poses.joints):
            raise PoseError(f"{file}: joints of {len(poses.joints)} frames, {path} has {n_frames}")
    return poses, source.fps


def pose_spec(names: Sequence[str], max_missing: float) -> Spec:
    """Everything that a store of these joints depends on; only such a store has `joints`."""
    return {
        "backbone": BACKBONE,
        "weights": {"name": None, "sha256": None, "fitted_on": None},
        "layer": None,
        "shape": [2 * len(names)],
        "dtype": "float32",
        "clip_length": 1,
        "stride": 1,
        "frames": None,
        "padding": None,
        "tail": None,
        "preprocess": {"missing": "linear in time", "max_missing": max_missing},
        "joints": list(names),
        "views": ["original"],
        "view_seed": None,
    }


def extract_poses(
    videos: Sequence[Video],
    store: Path,
    folder: Path | None = None,
    *,
    max_missing: float = 0.5,
    progress: ExtractionProgress | None = None,
) -> ExtractionSummary:
    """Write the joints of `videos` into `store`; those in it already are reused.

    folder: where the joints lie, named by the video's id; None takes each `Video.poses`.
    max_missing: the largest share of a video's joints that may be missing. The first video that
    can be read tells which joints there are. A video that fails is in the summary and stops
    nothing.
    """
    progress = progress or ExtractionProgress()
    summary = ExtractionSummary()
    if folder is not None:
        videos = [replace(video, poses=find_poses(folder, video.id)) for video in videos]
    spec = pose_spec(_names(videos, max_missing), max_missing)
    with FeatureStoreWriter(store, spec, ids=[video.id for video in videos]) as writer:
        todo = sort_out_stored(videos, lambda video: video.poses, writer, summary, progress)
        progress.start(len(todo))
        for video in todo:
            try:
                poses = video_poses(video, max_missing, spec["joints"])
            except DECODE_ERRORS as error:
                summary.fail(video.id, reason_of(video.poses, error), progress)
                progress.video(0)
                continue
            writer.append(
                video.id,
                [(poses.joints, poses.clips)],
                n_frames=len(poses.joints),
                frame_range=(video.start_frame or 0, video.end_frame),
                fps=poses.fps,
                n_bytes=size_of(video.poses) if video.poses else None,
                content=content_of(video.poses) if video.poses else None,
            )
            summary.done.append(video.id)
            summary.n_clips += len(poses.joints)
            progress.video(len(poses.joints))
    return summary


def _names(videos: Sequence[Video], max_missing: float) -> tuple[str, ...]:
    """The joints of the first video that can be read."""
    problems = []
    for video in videos:
        try:
            return video_poses(video, max_missing).names
        except DECODE_ERRORS as error:
            problems.append(reason_of(video.poses, error))
    raise PoseError(f"the joints of no video can be read; the first: {next(iter(problems), '')}")

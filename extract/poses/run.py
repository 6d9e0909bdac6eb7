"""Stage 1 without a network: joints from files into a feature store, one row per frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.extract.poses.files import find_poses, read_poses
from aqa.extract.poses.fill import filled
from aqa.extract.poses.formats.arrays import told_rate
from aqa.extract.poses.names import chosen_joints
from aqa.extract.poses.normalise import normalised
from aqa.extract.poses.poses import NO_JOINTS, PoseError, Poses, ReadingRules
from aqa.extract.poses.settings import (
    AS_FILES_SAY,
    JointOptions,
    JointSettings,
    same_names,
    settings_of,
)
from aqa.extract.poses.survey import Tell, survey
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary, reason_of, sort_out_stored
from aqa.extract.video.decode import DECODE_ERRORS, content_of, open_video, size_of
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter


class VideoPoses(NamedTuple):
    """The joints of a video's frames.

    joints: float32 (frames, coordinates x joints): x and y (and z) of the first joint, x and y of
    the second, .... names: one per joint. fps: frames per second of the video; NaN where not known.
    """

    joints: NDArray[np.float32]
    names: tuple[str, ...]
    fps: float

    @property
    def clips(self) -> list[Clip]:
        """One per frame."""
        return [Clip(i, i + 1) for i in range(len(self.joints))]


def video_poses(video: Video, settings: JointSettings) -> VideoPoses:
    """Read and complete the joints of the frames of a video that the manifest asks for.

    Where the video itself is there, it must have as many frames as there are joints of; files
    that leave out frames without anybody may end earlier.
    """
    if video.poses is None:
        raise PoseError(f"{video.id}: {NO_JOINTS}")
    poses, fps = poses_and_rate(video.poses, video.path, settings.rules)
    poses = _as_stored(poses, settings, video.poses)
    start, stop = video.start_frame or 0, video.end_frame or len(poses.joints)
    if stop > len(poses.joints) or start >= stop:
        raise PoseError(
            f"{video.poses}: joints of {len(poses.joints)} frames, "
            f"the manifest asks for frames {start} to {stop}"
        )
    asked = Poses(poses.joints[start:stop], poses.names)
    unseen = settings.never_seen
    joints = filled(asked, settings.max_missing, video.poses, chosen=settings.names, unseen=unseen)
    joints = normalised(joints, settings.names, settings.normalise, video.poses)
    return VideoPoses(joints.reshape(len(joints), -1), settings.names, fps)


def _as_stored(poses: Poses, settings: JointSettings, path: Path) -> Poses:
    """The joints under the names of the store; `PoseError` where they are others."""
    names = settings.names
    if poses.joints.shape[2] != settings.axes:
        raise PoseError(
            f"{path}: {poses.joints.shape[2]} coordinates of each joint, the store has "
            f"{settings.axes}; say with --joints-format what all files have, in a store of its own"
        )
    if same_names(poses.names, names):
        return Poses(poses.joints, names)
    if settings.chosen and set(names) <= set(poses.names):
        return poses
    raise PoseError(
        f"{path}: {len(poses.names)} joints ({', '.join(poses.names[:3])}, ...), "
        f"the store has {len(names)} ({', '.join(names[:3])}, ...)"
    )


def poses_and_rate(file: Path, path: Path | None, rules: ReadingRules) -> tuple[Poses, float]:
    """The joints of all frames of the video at `path`, and its frames per second.

    Where the video is not there, the file of joints may tell these.
    """
    if path is None or not path.exists():
        return read_poses(file, None, rules), told_rate(file)
    source = open_video(path)
    poses = read_poses(file, source.promised, rules)
    if source.promised not in (None, len(poses.joints)):
        n_frames = sum(1 for _ in source.frames())  # the container may be wrong
        poses = read_poses(file, n_frames, rules)
        if n_frames != len(poses.joints):
            raise PoseError(f"{file}: joints of {len(poses.joints)} frames, {path} has {n_frames}")
    return poses, source.fps


def extract_poses(
    videos: Sequence[Video],
    store: Path,
    folder: Path | None = None,
    options: JointOptions = AS_FILES_SAY,
    *,
    progress: ExtractionProgress | None = None,
) -> ExtractionSummary:
    """Write the joints of `videos` into `store`; those in it already are reused.

    folder: where the joints lie, named by the video's id; None takes each `Video.poses`. What
    `options` leave open is as in the store, where it exists, or told by the files of all videos;
    the first that can be read tells which joints there are. A video that fails is in the summary
    and stops nothing.
    """
    progress = progress or ExtractionProgress()
    summary = ExtractionSummary()
    if folder is not None:
        videos = [replace(video, poses=find_poses(folder, video.id)) for video in videos]
    settings = _settings(videos, store, options, progress.line)
    with FeatureStoreWriter(store, settings.spec, ids=[video.id for video in videos]) as writer:
        todo = sort_out_stored(videos, lambda video: video.poses, writer, summary, progress)
        progress.start(len(todo))
        for video in todo:
            try:
                poses = video_poses(video, settings)
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


def _settings(
    videos: Sequence[Video], store: Path, options: JointOptions, tell: Tell
) -> JointSettings:
    """The settings of the store, where it exists and they are not asked to be others."""
    if not store.exists():
        return survey(videos, options, tell)
    with FeatureStore.open(store) as opened:
        spec = opened.spec
    if "joints" not in spec:
        return survey(videos, options, tell)  # which the store's own spec then refuses
    stored = settings_of(spec)
    names = stored.names
    if options.joints is not None:
        names = chosen_joints(options.joints, stored.names)
    first = options.first_frame
    return replace(
        stored,
        names=names,
        rules=ReadingRules(
            options.declared or stored.rules.layout,
            stored.rules.first_frame if first is None else first,
        ),
        never_seen=options.never_seen or stored.never_seen,
        normalise=options.normalise or stored.normalise,
        max_missing=options.max_missing,
    )

"""Estimates the joints of videos, and writes a file of them for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.checkpoints.packaged_networks import PACKAGED
from aqa.extract.poses.estimation.blazepose import BlazePose, BodyPose
from aqa.extract.poses.estimation.files import made_of, write_estimate
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.settings import EstimationSettings
from aqa.extract.poses.estimation.smooth import doubted, joined, smoothed
from aqa.extract.poses.estimation.still import follow_still
from aqa.extract.poses.poses import PoseError, nobody
from aqa.extract.progress import ExtractionProgress
from aqa.extract.remote.held import held
from aqa.extract.summary import ExtractionSummary, reason_of
from aqa.extract.video.decode import DECODE_ERRORS, content_of, open_video
from aqa.extract.video.shots import with_cuts
from aqa.extract.video.source import Frame

# Below this share of frames with somebody on them, a warning is given.
_FEW = 0.5


class Estimate(NamedTuple):
    """The joints of a video.

    joints: (frames of the file, 33, 3), x, y, confidence; NaN, NaN, 0 where nobody is, and on the
    frames that were not asked for. n_frames: that were. n_seen: of those, with somebody on them.
    fps: frames per second.
    """

    joints: NDArray[np.float64]
    n_frames: int
    n_seen: int
    fps: float
    warnings: list[str]


def estimate(video: Video, networks: BlazePose, settings: EstimationSettings) -> Estimate:
    """Estimate the joints of one athlete on the frames of a video that the manifest asks for.

    Raises `PoseError` where nobody is found on any.
    """
    with held(video) as (there, _):
        if there.path is None:
            raise PoseError(f"{video.id}: no video file to estimate joints from")
        return _estimate(there, there.path, networks, settings)


def _estimate(
    video: Video, path: Path, networks: BlazePose, settings: EstimationSettings
) -> Estimate:
    """As `estimate`, of a video that lies at `path`."""
    source = open_video(path)
    start, stop = video.start_frame or 0, video.end_frame
    cuts: list[int] = []
    frames = _watched(source.frames(start, stop), cuts)
    follow = follow_still if settings.camera == "still" else follow_moving
    bodies: list[BodyPose | None] = list(follow(frames, networks, settings.threshold))
    n_seen = sum(body is not None for body in bodies)
    if stop is not None and len(bodies) < stop - start:
        raise PoseError(
            f"{path}: ends after frame {start + len(bodies)}, the manifest asks for frames "
            f"{start} to {stop}"
        )
    if not n_seen:
        raise PoseError(
            f"{path}: nobody was found on any of {len(bodies)} frames; where the camera "
            "follows an athlete give --camera moving, or a lower --least"
        )
    shots = np.split(joined(bodies), cuts)
    shown = np.concatenate([smoothed(doubted(shot), settings.smooth) for shot in shots])
    length = max(start + len(shown), 0 if stop is None else source.counted or 0)
    joints = nobody(path, length, *shown.shape[1:])
    joints[..., 2] = 0
    joints[start : start + len(shown)] = shown
    return Estimate(joints, len(bodies), n_seen, source.fps, source.warnings())


def _watched(frames: Iterable[Frame], cuts: list[int]) -> Iterator[Frame]:
    """The frames; the numbers of those that another shot begins with are added to `cuts`."""
    for i, shown in enumerate(with_cuts(frames)):
        if shown.first:
            cuts.append(i)
        yield shown.frame


def estimate_poses(
    videos: Sequence[Video],
    folder: Path,
    networks: BlazePose,
    settings: EstimationSettings,
    *,
    progress: ExtractionProgress | None = None,
) -> ExtractionSummary:
    """Write `folder/<video_id>.npz` for each video; those made in the same way are reused.

    A video that fails is in the summary and stops nothing. A file that another program wrote, or
    that was made of another video or with other settings, is never replaced: that video fails.
    """
    progress, summary = progress or ExtractionProgress(), ExtractionSummary()
    todo = [
        video
        for video in videos
        if not _is_there(video, folder, networks, settings, summary, progress)
    ]
    progress.start(len(todo))
    for video in todo:
        try:
            found = estimate(video, networks, settings)
        except DECODE_ERRORS as error:
            summary.fail(video.id, reason_of(video.where, error), progress)
            progress.video(0)
            continue
        for warning in [*found.warnings, *_few(found)]:
            summary.warn(video.id, warning, progress)
        made = _made(video, networks, settings)
        write_estimate(_place(folder, video), found.joints, made, found.fps)
        summary.done.append(video.id)
        summary.n_clips += found.n_frames
        progress.video(found.n_frames)
    return summary


def _few(found: Estimate) -> list[str]:
    if found.n_seen >= _FEW * found.n_frames:
        return []
    return [f"somebody was found on only {found.n_seen} of {found.n_frames} frames"]


def _place(folder: Path, video: Video) -> Path:
    return folder / f"{video.id}.npz"


def _made(video: Video, networks: BlazePose, settings: EstimationSettings) -> dict[str, Any]:
    return {
        "by": networks.known.name,
        "networks": {file.name: file.sha256 for file in networks.known.files},
        "settings": settings.record(),
        "frames": [video.start_frame, video.end_frame],
        "video": video.where if video.path is None else content_of(video.path),
    }


def _is_there(
    video: Video,
    folder: Path,
    networks: BlazePose,
    settings: EstimationSettings,
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> bool:
    """Whether nothing is to be done for a video; notes in the summary why."""
    path = _place(folder, video)
    if path.parent != folder:
        summary.fail(video.id, "its id has a /, so no file can be called so", progress)
        return True
    if not path.exists():
        return False
    made, wanted = made_of(path), _made(video, networks, settings)
    if made == wanted:
        summary.reused.append(video.id)
        return True
    what = "was not written by aqa poses"
    if made is not None:
        different = [key for key in wanted if key != "by" and made.get(key) != wanted[key]]
        what = f"was made with other {' and '.join(different)}"
    summary.fail(video.id, f"{path}: {what}; name another folder with --out, or move it", progress)
    return True


def load_networks(paths: Sequence[Path], threads: int = 1) -> BlazePose:
    """The two networks, from the two files of one of `PACKAGED`."""
    by_name = {path.name: path for path in paths}
    for known in PACKAGED.values():
        if set(by_name) == {file.name for file in known.files}:
            detector, landmarks = (by_name[file.name] for file in known.files)
            return BlazePose(detector, landmarks, known, threads)
    raise AqaError(f"{', '.join(by_name)}: not the two files of any of {', '.join(PACKAGED)}")

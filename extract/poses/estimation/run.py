"""Estimates the joints of videos, and writes a file of them for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.checkpoints.packages import BLAZEPOSE
from aqa.extract.poses.estimation.blazepose import BlazePose, BodyPose
from aqa.extract.poses.estimation.files import made_of, write_estimate
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.settings import EstimationSettings
from aqa.extract.poses.estimation.smooth import joined, smoothed
from aqa.extract.poses.estimation.still import follow_still
from aqa.extract.poses.poses import PoseError, nobody
from aqa.extract.progress import ExtractionProgress
from aqa.extract.summary import ExtractionSummary, reason_of
from aqa.extract.video.decode import DECODE_ERRORS, content_of, open_video

# Below this share of frames with somebody on them, a warning is given.
_FEW = 0.5


class Estimate(NamedTuple):
    """The joints of a video.

    joints: (frames of the file, 33, 3), x, y, confidence; NaN, NaN, 0 where nobody is, and on the
    frames that were not asked for. n_frames: that were. n_seen: of those, with somebody on them.
    """

    joints: NDArray[np.float64]
    n_frames: int
    n_seen: int
    warnings: list[str]


def estimate(video: Video, networks: BlazePose, settings: EstimationSettings) -> Estimate:
    """Estimate the joints of one athlete on the frames of a video that the manifest asks for.

    Raises `PoseError` where nobody is found on any.
    """
    if video.path is None:
        raise PoseError(f"{video.id}: no video file to estimate joints from")
    source = open_video(video.path)
    start, stop = video.start_frame or 0, video.end_frame
    frames = source.frames(start, stop)
    follow = follow_still if settings.camera == "still" else follow_moving
    bodies: list[BodyPose | None] = list(follow(frames, networks, settings.threshold))
    n_seen = sum(body is not None for body in bodies)
    if stop is not None and len(bodies) < stop - start:
        raise PoseError(
            f"{video.path}: ends after frame {start + len(bodies)}, the manifest asks for frames "
            f"{start} to {stop}"
        )
    if not n_seen:
        raise PoseError(
            f"{video.path}: nobody was found on any of {len(bodies)} frames; where the camera "
            "follows an athlete give --camera moving, or a lower --least"
        )
    shown = smoothed(joined(bodies), settings.smooth)
    length = max(start + len(shown), 0 if stop is None else source.counted or 0)
    joints = nobody(video.path, length, *shown.shape[1:])
    joints[..., 2] = 0
    joints[start : start + len(shown)] = shown
    return Estimate(joints, len(bodies), n_seen, source.warnings())


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
    todo = [video for video in videos if not _is_there(video, folder, settings, summary, progress)]
    progress.start(len(todo))
    for video in todo:
        try:
            found = estimate(video, networks, settings)
        except DECODE_ERRORS as error:
            summary.fail(video.id, reason_of(video.path, error), progress)
            progress.video(0)
            continue
        for warning in [*found.warnings, *_few(found)]:
            summary.warn(video.id, warning, progress)
        write_estimate(_place(folder, video), found.joints, _made(video, settings))
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


def _made(video: Video, settings: EstimationSettings) -> dict[str, Any]:
    return {
        "by": BLAZEPOSE.name,
        "networks": {file.name: file.sha256 for file in BLAZEPOSE.files},
        "settings": settings.record(),
        "frames": [video.start_frame, video.end_frame],
        "video": None if video.path is None else content_of(video.path),
    }


def _is_there(
    video: Video,
    folder: Path,
    settings: EstimationSettings,
    summary: ExtractionSummary,
    progress: ExtractionProgress,
) -> bool:
    """Whether nothing is to be done for a video; notes in the summary why."""
    path = _place(folder, video)
    if not path.exists():
        return False
    made, wanted = made_of(path), _made(video, settings)
    if made == wanted:
        summary.reused.append(video.id)
        return True
    what = "was not written by aqa poses"
    if made is not None:
        different = [key for key in wanted if made.get(key) != wanted[key]]
        what = f"was made with other {' and '.join(different)}"
    summary.fail(video.id, f"{path}: {what}; name another folder with --out, or move it", progress)
    return True


def load_networks(paths: Sequence[Path], threads: int = 1) -> BlazePose:
    """The two networks, from the files of `BLAZEPOSE`."""
    by_name = {path.name: path for path in paths}
    detector, landmarks = (by_name.get(file.name) for file in BLAZEPOSE.files)
    if detector is None or landmarks is None:
        raise AqaError(f"{BLAZEPOSE.name}: {', '.join(by_name)} are not its two files")
    return BlazePose(detector, landmarks, threads)

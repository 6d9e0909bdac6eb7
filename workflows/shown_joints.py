"""The joints to draw over a video's copy on a page, and where they should be for one point more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Video
from aqa.extract.poses.files import read_poses
from aqa.extract.poses.poses import PoseError
from aqa.extract.video.browser import BrowserVideo
from aqa.features.body import are_fractions, bones, torso_length
from aqa.models.feedback import PoseFeedback

# Arrows are drawn so many times as long as they are, as short ones are not seen.
_TIMES = (1, 2, 3, 5, 10, 20, 50)
# How long the longest arrow of all frames is drawn at most, as a part of the torso's length.
_LONGEST = 0.75


@dataclass(frozen=True)
class ShownJoints:
    """The joints of each frame of a copy, in its pixels.

    bones: pairs of joints that are joined, by their numbers. places: (frames, joints, 2), NaN where
    missing. one_point: (frames, joints, 2), how far each joint moves if the pose of that frame
    changes for one point more, NaN where it is not known; None where the head says nothing of
    joints. times: so many times as long as it is an arrow is drawn.
    """

    bones: tuple[tuple[int, int], ...]
    places: NDArray[np.float64]
    one_point: NDArray[np.float64] | None
    times: int


def joints_of_feedback(said: PoseFeedback, copy: BrowserVideo) -> ShownJoints:
    """Those that a head has scored, with where it would have them."""
    places = _in_copy(said.joints, said.offset, copy)
    moved = _in_copy(said.for_one_point, said.offset, copy)
    return ShownJoints(tuple(bones(said.names)), places, moved, _times(places, moved, said.names))


def joints_of_file(video: Video, copy: BrowserVideo) -> ShownJoints | None:
    """Those of the manifest's column poses; None where there are none in the picture's plane.

    `PoseError` where they cannot be read, or are of more frames than the video has.
    """
    if video.poses is None:
        return None
    joints, names = read_poses(video.poses)
    if joints.shape[2] != 2:
        return None
    if video.end_frame is None and len(joints) > copy.start + copy.n_frames:
        raise PoseError(
            f"{video.poses}: joints of {len(joints)} frames, the video has "
            f"{copy.start + copy.n_frames}"
        )
    if are_fractions(joints):
        joints = joints * (copy.original_width, copy.original_height)
    return ShownJoints(tuple(bones(names)), _in_copy(joints, 0, copy), None, 1)


def _in_copy(values: NDArray[np.floating], offset: int, copy: BrowserVideo) -> NDArray[np.float64]:
    """(rows, joints, 2) in pixels of the file, from frame `offset` on, for the copy's frames."""
    made = np.full((copy.n_frames, *values.shape[1:]), np.nan)
    first = copy.start - offset
    rows = np.arange(max(first, 0), min(first + copy.n_frames, len(values)))
    scale = (copy.width / copy.original_width, copy.height / copy.original_height)
    made[rows - first] = values[rows] * scale
    return made


def _times(places: NDArray[np.float64], moved: NDArray[np.float64], names: list[str]) -> int:
    """How many times as long as they are arrows are drawn."""
    longest = np.linalg.norm(moved, axis=2).max(axis=1)
    seen = longest[np.isfinite(longest) & (longest > 0)]
    torso = torso_length(places, names)
    if not len(seen) or torso is None:
        return 1
    wanted = _LONGEST * torso / float(seen.max())
    return max(times for times in _TIMES if times <= max(wanted, 1.0))

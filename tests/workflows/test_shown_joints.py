"""The joints of a page: which frame of the copy they belong to, and in whose pixels they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.poses.poses import PoseError
from aqa.extract.video.browser import BrowserVideo
from aqa.models.feedback import PoseFeedback
from aqa.workflows.shown_joints import joints_of_feedback, joints_of_file

NAMES = ["left shoulder", "right shoulder", "left hip", "right hip", "left knee"]
# Frames 3 to 7 of the file, at half the size.
COPY = BrowserVideo(b"", 25.0, 3, 4, 160, 120, 320, 240)


def body(n_frames: int) -> np.ndarray:
    """(frames, joints, 2): a torso of 40 pixels, that goes right by a pixel per frame."""
    one = np.array([(10, 0), (30, 0), (10, 40), (30, 40), (10, 60)], float)
    return one + np.stack([np.arange(n_frames), np.zeros(n_frames)], 1)[:, None]


@pytest.fixture
def video(tmp_path: Path) -> Video:
    path = tmp_path / "v.npz"
    np.savez(path, joints=body(7), names=np.array(NAMES))
    return Video("v", tmp_path / "v.avi", 1.0, 3, 7, poses=path)


def test_joints_of_a_file_are_those_of_the_copy_s_frames_in_its_pixels(video: Video) -> None:
    found = joints_of_file(video, COPY)
    assert found is not None
    np.testing.assert_allclose(found.places, body(7)[3:] / 2)
    assert (0, 2) in [tuple(sorted(bone)) for bone in found.bones]
    assert (found.one_point, found.times) == (None, 1)


def test_parts_of_the_picture_are_pixels_too(video: Video) -> None:
    assert video.poses is not None
    np.savez(video.poses, joints=body(7) / (320, 240), names=np.array(NAMES))
    found = joints_of_file(video, COPY)
    assert found is not None
    np.testing.assert_allclose(found.places, body(7)[3:] / 2)


def test_without_joints_in_the_plane_nothing_is_drawn(video: Video) -> None:
    assert joints_of_file(replace(video, poses=None), COPY) is None
    assert video.poses is not None
    deep = np.concatenate([body(7), body(7)[..., :1] + 5], axis=2)
    np.savez(video.poses, joints=deep, names=np.array(NAMES))
    assert joints_of_file(video, COPY) is None


def test_joints_of_another_number_of_frames_are_refused(video: Video) -> None:
    with pytest.raises(PoseError, match=r"v\.npz: joints of 7 frames, the video has 4"):
        joints_of_file(replace(video, start_frame=None, end_frame=None), replace(COPY, start=0))


def test_arrows_gain_one_point_on_each_frame_and_are_seen() -> None:
    joints = body(6).astype(np.float32)
    gradient = np.zeros((6, 5, 2))
    gradient[:, 4, 0] = [0, 0.5, 0.5, 0.25, 1, 0.01]  # 100 pixels for a point on the last frame
    said = PoseFeedback("v", "points", [], NAMES, joints, gradient, 2, 40.0)  # from frame 2 on
    found = joints_of_feedback(said, COPY)
    np.testing.assert_allclose(found.places[:3], joints[1:4] / 2)
    assert found.one_point is not None
    knee = found.one_point[:, 4, 0]
    np.testing.assert_allclose(knee[:4], np.array([2, 2, 4, 1]) / 2)
    gained = (2 * found.one_point * gradient[1:5]).sum(axis=(1, 2))
    np.testing.assert_allclose(gained, 1)
    assert found.times == 5  # 2 of the copy's pixels of a torso of 20, drawn as 10
    far = replace(COPY, start=7)
    assert np.isnan(joints_of_feedback(said, far).one_point).all()  # type: ignore[arg-type]

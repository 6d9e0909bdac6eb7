"""Joints into a store: which frames, which joints, and what fails alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.poses.normalise import Normalise
from aqa.extract.poses.run import extract_poses
from aqa.extract.poses.settings import JointOptions
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore


@pytest.fixture
def video(tmp_path: Path, rng: np.random.Generator) -> Callable[..., Video]:
    """Makes a video of `n` frames of 3 joints, which lie in a .npy."""

    def make(name: str = "v", n: int = 6, joints: int = 3, **known: object) -> Video:
        path = tmp_path / f"{name}.npy"
        np.save(path, rng.uniform(size=(n, joints, 2)))
        return Video(name, known.pop("path", None), 1.0, poses=path, **known)

    return make


def test_a_row_a_frame(video: Callable[..., Video], tmp_path: Path) -> None:
    seen = video("v", 6, start_frame=1, end_frame=5)
    summary = extract_poses([seen], tmp_path / "p.h5")
    assert (summary.done, summary.n_clips, summary.failed) == (["v"], 4, [])
    with FeatureStore.open(tmp_path / "p.h5") as store:
        np.testing.assert_allclose(store["v"], np.load(seen.poses)[1:5].reshape(4, 6), rtol=1e-6)
        assert store.clips("v") == [Clip(i, i + 1) for i in range(4)]
        assert (store.frame_range("v"), store.n_frames("v")) == ((1, 5), 4)
        assert store.spec["joints"] == ["joint 0", "joint 1", "joint 2"]
        assert store.spec["backbone"] == "pose"
        assert store.verify() == []


def test_what_is_there_is_reused(video: Callable[..., Video], tmp_path: Path) -> None:
    first, second = video("a"), video("b")
    extract_poses([first], tmp_path / "p.h5")
    again = extract_poses([first, second], tmp_path / "p.h5")
    assert (again.reused, again.done) == (["a"], ["b"])
    changed = extract_poses([video("a", 9), second], tmp_path / "p.h5")
    ((name, reason),) = changed.failed
    assert (name, changed.reused) == ("a", ["b"])
    assert "holds features of another file" in reason
    with pytest.raises(AqaError, match=r"max_missing is 0\.5, not 0\.1"):
        extract_poses([first], tmp_path / "p.h5", options=JointOptions(max_missing=0.1))


def test_frames_are_those_of_the_video(
    video: Callable[..., Video], numbered_video: Callable[..., Path], tmp_path: Path
) -> None:
    path = numbered_video(6)
    summary = extract_poses([video("v", 6, path=path), video("w", 5, path=path)], tmp_path / "p.h5")
    ((name, reason),) = summary.failed
    assert (summary.done, name) == (["v"], "w")
    assert f"w.npy: joints of 5 frames, {path} has 6" in reason
    with FeatureStore.open(tmp_path / "p.h5") as store:
        assert store.fps("v") == 25


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"joints": 4}, r"4 joints \(joint 0, .*, the store has 3"),
        ({"end_frame": 9}, "joints of 6 frames, the manifest asks for frames 0 to 9"),
        ({"start_frame": 6}, "joints of 6 frames, the manifest asks for frames 6 to 6"),
    ],
)
def test_one_that_fails_stops_nothing(
    video: Callable[..., Video], bad: dict, problem: str, tmp_path: Path
) -> None:
    videos = [video("a"), video("b", **bad), video("c")]
    summary = extract_poses(videos, tmp_path / "p.h5")
    assert summary.done == ["a", "c"]
    ((name, reason),) = summary.failed
    assert name == "b"
    assert re.search(problem, reason)


def test_without_any_joints_there_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="the joints of no video can be read; the first: v: no"):
        extract_poses([Video("v", None, 1.0)], tmp_path / "p.h5")
    assert not (tmp_path / "p.h5").exists()


@pytest.mark.parametrize(
    ("names", "how", "problem"),
    [
        (
            ["left shoulder", "right shoulder", "left hip", "right hip"],
            "forward",
            "there are x and y",
        ),
        (["nose", "left hip", "right hip", "neck"], "trunk", "the joints are nose, left hip"),
    ],
)
def test_a_measure_that_no_video_can_have_is_refused_once(
    names: list[str], how: Normalise, problem: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    paths = [tmp_path / f"{name}.npz" for name in "ab"]
    for path in paths:
        np.savez(path, joints=rng.uniform(size=(6, 4, 2)), names=np.array(names))
    videos = [Video(path.stem, None, 1.0, poses=path) for path in paths]
    with pytest.raises(AqaError, match=f"^--normalise {how} takes .*{problem}.* leave it out"):
        extract_poses(videos, tmp_path / "p.h5", options=JointOptions(normalise=how))
    assert not (tmp_path / "p.h5").exists()

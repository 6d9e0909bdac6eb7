"""`aqa poses`: files of joints, what is reused, what fails alone, and what follows from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Video, write_manifest
from aqa.errors import AqaError
from aqa.extract.checkpoints.packaged_networks import BLAZEPOSE, PACKAGED
from aqa.extract.poses.estimation import run as module
from aqa.extract.poses.estimation.blazepose import BlazePose
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.run import estimate_poses, load_networks
from aqa.extract.poses.estimation.settings import EstimationSettings
from aqa.extract.poses.estimation.still import follow_still
from aqa.extract.poses.files import read_poses
from aqa.extract.poses.formats.arrays import load_joints

STILL = EstimationSettings(smooth=0)
WALK = [None, (20, 30), (22, 30), (24, 31), (26, 32), None, None, (60, 30)]


def test_joints_and_confidences_of_each_frame(
    networks: Any, crosses: Callable[..., Path], tmp_path: Path
) -> None:
    video = Video("v", crosses(WALK), 1.0)
    summary = estimate_poses([video], tmp_path / "poses", networks, STILL)
    assert (summary.done, summary.n_clips, summary.failed) == (["v"], 8, [])
    path = tmp_path / "poses/v.npz"
    joints, names = load_joints(path)
    assert names is not None
    assert names[11] == "left shoulder"
    for place, frame in zip(WALK, joints, strict=True):
        if place is None:
            assert np.isnan(frame[:, :2]).all()
            assert not frame[:, 2].any()
        else:
            np.testing.assert_allclose(frame[0, :2], place, atol=0.8)
            np.testing.assert_allclose(frame[5, :2] - frame[0, :2], place[1] / 20, atol=0.05)
            assert 0.3 < frame[0, 2] <= 0.8 * 0.95 + 1e-6
    poses = read_poses(path)
    assert poses.joints.shape == (8, 33, 2)
    assert poses.names == names
    # Looked for all over where nobody was before, else where it was.
    assert networks.detections == 1 + 1 + 2 + 1


def test_the_frames_that_the_manifest_asks_for(
    networks: Any, crosses: Callable[..., Path], tmp_path: Path
) -> None:
    path = crosses(WALK)
    part = Video("part", path, 1.0, start_frame=2, end_frame=5)
    late = Video("late", path, 1.0, start_frame=6, end_frame=12)
    summary = estimate_poses([part, late], tmp_path, networks, STILL)
    joints, _ = load_joints(tmp_path / "part.npz")
    assert np.flatnonzero(joints[:, 0, 2]).tolist() == [2, 3, 4]
    assert len(joints) == len(WALK)
    ((video_id, reason),) = summary.failed
    assert video_id == "late"
    assert "ends after frame 8" in reason


def test_reused_failed_and_never_replaced(
    networks: Any, crosses: Callable[..., Path], tmp_path: Path
) -> None:
    seen, empty = Video("a", crosses(WALK), 1.0), Video("b", crosses([None] * 3, "b.avi"), 1.0)
    theirs = Video("c", seen.path, 1.0)
    np.save(tmp_path / "c.npy", np.ones((8, 3, 2)))
    (tmp_path / "c.npy").rename(tmp_path / "c.npz")
    before = (tmp_path / "c.npz").read_bytes()
    lost = Video("d", tmp_path / "gone.avi", 1.0)
    first = estimate_poses([seen, empty, theirs, lost], tmp_path, networks, STILL)
    assert first.done == ["a"]
    reasons = dict(first.failed)
    assert "nobody was found on any of 3 frames" in reasons["b"]
    assert "was not written by aqa poses" in reasons["c"]
    assert "no such video" in reasons["d"]
    assert (tmp_path / "c.npz").read_bytes() == before
    assert not (tmp_path / "b.npz").exists()
    assert estimate_poses([seen], tmp_path, networks, STILL).reused == ["a"]
    outside = Video("../e", seen.path, 1.0)
    assert "has a /" in estimate_poses([outside], tmp_path, networks, STILL).failed[0][1]
    other = estimate_poses([seen], tmp_path, networks, EstimationSettings())
    assert "with other settings" in other.failed[0][1]
    networks.known = PACKAGED["blazepose-lite"]
    other = estimate_poses([seen], tmp_path, networks, STILL)
    assert "was made with other networks; name another folder" in other.failed[0][1]
    networks.known = BLAZEPOSE
    crosses([(50, 20)] * 8)
    assert "with other video" in estimate_poses([seen], tmp_path, networks, STILL).failed[0][1]


def test_few_frames_with_somebody_are_told(
    networks: Any, crosses: Callable[..., Path], tmp_path: Path
) -> None:
    video = Video("v", crosses([(20, 20), None, None, None]), 1.0)
    summary = estimate_poses([video], tmp_path, networks, STILL)
    assert summary.warnings == ["somebody was found on only 1 of 4 frames"]


def test_a_moving_camera_sees_each_frame_once(networks: Any, rng: np.random.Generator) -> None:
    frames = [rng.integers(0, 99, (64, 96, 3), dtype=np.uint8) for _ in range(9)]
    for i, frame in enumerate(frames[:6]):
        frame[20:26, 30 + i : 36 + i] = 255
    for length in (0, 1, 3, 4, 7, 9):
        bodies = follow_moving(iter(frames[:length]), networks, 0.3)
        assert [body is not None for body in bodies] == [i < 6 for i in range(length)]


def test_the_largest_of_several_people_is_followed(networks: Any) -> None:
    frame = np.full((64, 96, 3), 40, np.uint8)
    frame[20:24, 20:24] = frame[40:44, 70:74] = 255
    one = networks.detect(np.where(np.arange(96)[None, :, None] < 50, frame, 40).astype(np.uint8))
    two = networks.detect(np.where(np.arange(96)[None, :, None] > 50, frame, 40).astype(np.uint8))
    larger = two[0]._replace(top=two[0].hips - [0.0, 12.0], score=0.6)
    networks.detect = lambda _, least: [*one, larger]
    (body,) = follow_still([frame], networks, 0.5)
    assert body is not None
    assert abs(body.next.x - 72) < 2


def test_settings_that_make_no_sense() -> None:
    with pytest.raises(AqaError, match="camera 'shaky'"):
        EstimationSettings(camera="shaky")  # type: ignore[arg-type]
    with pytest.raises(AqaError, match="least=0 is not"):
        EstimationSettings(least=0.0)
    assert EstimationSettings("moving").threshold == 0.3


def test_without_the_extra_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(AqaError, match=r"pip install 'aqa-toolkit\[poses\]'"):
        BlazePose(tmp_path / "a.tflite", tmp_path / "b.tflite", BLAZEPOSE)
    with pytest.raises(AqaError, match=r"a.tflite: not the two files of any of blazepose-full, "):
        load_networks([tmp_path / "a.tflite"])


def test_from_videos_of_an_exercise_to_feedback(
    networks: Any,
    crosses: Callable[..., Path],
    tmp_path: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The commands in the order in which a user gives them; no other program is needed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "load_networks", lambda paths, threads: networks)
    fetched: list[str] = []
    monkeypatch.setattr("aqa.commands.poses.fetch_networks", fetched.append)
    rows = []
    for k in range(8):
        depth = 6 + 3 * k
        path = crosses(
            [(48, 20 + round(depth * np.sin(i / 5) ** 2)) for i in range(16)], f"{k}.avi"
        )
        rows.append({"video_id": f"v{k}", "path": path.name, "score": float(depth)})
    write_manifest(Path("manifest.csv"), rows)
    told = run_aqa("extract", "--backbone", "pose", code=1)
    assert "`aqa poses` estimates them" in told.stderr
    told = run_aqa("poses")
    assert "joints of 8 videos estimated (128 frames), 0 reused, 0 failed" in told.stdout
    assert "next: aqa extract --backbone pose --poses poses" in told.stdout
    assert "8 reused" in run_aqa("poses", "--quiet").stdout
    run_aqa("extract", "--backbone", "pose", "--poses", "poses", "--joints", "coco17")
    run_aqa("split", "random", "--test", "0.25")
    run_aqa("fit", "--head", "pose-dct")
    assert run_aqa("eval", "--head", "pose-dct").stdout
    crosses([(48, 20 + round(9 * np.sin(i / 5) ** 2)) for i in range(16)], "new.avi")
    assert (
        "`aqa poses new.avi`" in run_aqa("measure", "new.avi", "--aspects", "squat", code=1).stderr
    )
    told = run_aqa("poses", "new.avi", "--out", "mine", "--network", "lite").stdout
    assert "next: aqa measure --aspects squat new.avi --poses mine" in told
    assert fetched == ["blazepose-full", "blazepose-full", "blazepose-lite"]
    told = run_aqa("feedback", "mine/new.npz", "--head", "pose-dct").stdout
    assert "left knee" in told
    assert "fitted on 6 videos" in told
    assert "unknown" not in told  # the file says how fast frames follow
    told = run_aqa("feedback", "new.avi", "--head", "pose-dct", code=1).stderr
    assert "`aqa poses new.avi`" in told
    problem = run_aqa("poses", "new.avi", "--only", "ids.txt", code=2).stderr
    assert "not both" in problem
    assert "two videos called new" in run_aqa("poses", "new.avi", "a/new.mp4", code=2).stderr

"""Joints from files to scores and arrows, as typed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.errors import AqaError
from aqa.features.store import FeatureStore
from aqa.serve.child import opened
from aqa.serve.settings import ServedModel

N_FRAMES = 24
NAMES = ["head", "left hand", "right hand"]


def swinging(skill: float, rng: np.random.Generator) -> np.ndarray:
    """(24, 3, 2): the left hand swings the wider the higher the skill."""
    joints = np.tile([[30.0, 20.0], [20.0, 30.0], [40.0, 30.0]], (N_FRAMES, 1, 1))
    joints[:, 1, 0] += (5 + skill) * np.sin(np.arange(N_FRAMES) / 4)
    return joints + rng.normal(scale=0.05, size=joints.shape)


@pytest.fixture
def workspace(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rng: np.random.Generator,
    numbered_video: Callable[..., Path],
) -> Path:
    """A manifest of 24 videos, the first of which is there, and the joints of all."""
    monkeypatch.chdir(tmp_path)
    numbered_video(N_FRAMES, "v00.avi")
    rows = []
    for i in range(24):
        skill = rng.normal()
        np.savez(tmp_path / f"v{i:02d}.npz", joints=swinging(skill, rng), names=np.array(NAMES))
        rows.append(
            {
                "video_id": f"v{i:02d}",
                "path": "v00.avi" if i == 0 else "",
                "poses": f"v{i:02d}.npz",
                "score": round(60 + 10 * skill, 2),
                "split_1": "test" if i % 4 == 0 else "train",
            }
        )
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def test_from_joints_to_arrows(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    printed = run_aqa("extract", "--backbone", "pose").output
    assert "24 videos extracted (576 clips)" in printed
    run_aqa("fit", "--head", "pose-dct", "-p", "k=8")
    (result,) = json.loads(run_aqa("eval", "--json").stdout)["results"]
    assert result["spearman"] > 0.9
    scored = run_aqa("score", "v00.npz", "--head", "pose-dct", "--json").stdout
    rows = (workspace / "runs/pose-dct/split-1/predictions.csv").read_text().splitlines()
    (predicted,) = [float(row.split(",")[-1]) for row in rows if row.startswith("v00")]
    assert json.loads(scored)["scores"][0]["score"] == pytest.approx(predicted, abs=1e-4)

    found = json.loads(
        run_aqa("feedback", "v00", "--head", "pose-dct", "--json", "--picture", "why.png").stdout
    )
    gains = [move["gain"] for move in found["moves"]]
    assert {move["joint"] for move in found["moves"]} == set(NAMES)
    assert gains == sorted(gains, reverse=True)
    hand = next(move for move in found["moves"] if move["joint"] == "left hand")
    assert hand["seconds"] == pytest.approx(hand["frame"] / 25)
    assert hand["gain"] == pytest.approx(np.hypot(hand["right"], hand["down"]))
    known = json.loads(run_aqa("feedback", "v00.npz", "--head", "pose-dct", "--json").stdout)
    assert known["video"] == "v00"
    shutil.copy("v00.npz", "new.npz")
    told = run_aqa("feedback", "new.npz", "--head", "pose-dct", "--picture", "blank.png").output
    assert "points gained per pixel" in told
    assert "not in parts of the torso, whose length these joints do not tell" in told
    drawn, blank = (cv2.imread(str(workspace / f"{n}.png")) for n in ("why", "blank"))
    assert drawn.shape == blank.shape
    assert not np.array_equal(drawn, blank)


def test_a_page_says_where_joints_should_be(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("extract", "--backbone", "pose")
    run_aqa("fit", "--head", "pose-dct", "-p", "k=8")
    run_aqa("report", "v00", "v01.npz", "--head", "pose-dct", "-o", "page.html")
    text = (workspace / "page.html").read_text()
    played, bare = text.split('<article class="video"')[1:]
    if "<video" not in played:  # ranked by score
        played, bare = bare, played
    data = json.loads(
        played.split('<script type="application/json" class="data">')[1].split("<")[0]
    )
    joints = data["joints"]
    assert (len(joints["places"]), len(joints["places"][0])) == (N_FRAMES, 2 * len(NAMES))
    assert len(joints["moves"]) == N_FRAMES
    for section in (played, bare):
        assert "Where joints should be" in section
        assert "All joints, and what the numbers are" in section
        assert "gives a score alone" not in section
    assert 'class="seek"' in played
    assert "<video" not in bare
    assert 'class="seek"' not in bare
    with (
        pytest.raises(AqaError, match=r"reads joints, and this app takes videos; .*`aqa poses`"),
        opened(ServedModel(workspace, head="pose-dct")),
    ):
        pass


def test_a_folder_of_joints(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    folder = workspace / "openpose" / "v01"
    folder.mkdir(parents=True)
    for i in range(4):
        person = {"pose_keypoints_2d": [i, 2, 0.5, 3, 4, 0.5]}
        (folder / f"{i}_keypoints.json").write_text(json.dumps({"people": [person]}))
    options = ("extract", "--backbone", "pose", "--poses", "openpose", "--store", "o.h5")
    printed = run_aqa(*options, code=1).output
    assert "1 videos extracted (4 clips), 0 reused, 23 failed" in printed
    assert "openpose/v02: no such file or folder of joints" in printed
    with FeatureStore.open(workspace / "o.h5") as store:
        np.testing.assert_array_equal(store["v01"][:, 0], [0, 1, 2, 3])


def test_three_coordinates(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    """Depth goes through fitting, evaluation and the scoring of a new file."""
    for path in workspace.glob("v*.npz"):
        with np.load(path) as loaded:
            flat, names = loaded["joints"], loaded["names"]
        # What moves along x moves along z instead.
        places = np.concatenate([flat[..., 1:], flat[..., 1:], flat[..., :1] - 25], axis=2)
        np.savez(path, joints=places, names=names)
    printed = run_aqa("extract", "--backbone", "pose").output
    assert "joints have x, y, z: the third number is" in printed
    run_aqa("fit", "--head", "pose-dct", "-p", "k=8")
    (result,) = json.loads(run_aqa("eval", "--json").stdout)["results"]
    assert result["spearman"] > 0.9
    scored = run_aqa("score", "v00.npz", "--head", "pose-dct", "--json").stdout
    rows = (workspace / "runs/pose-dct/split-1/predictions.csv").read_text().splitlines()
    (predicted,) = [float(row.split(",")[-1]) for row in rows if row.startswith("v00")]
    assert json.loads(scored)["scores"][0]["score"] == pytest.approx(predicted, abs=1e-4)
    told = run_aqa("feedback", "v00", "--head", "pose-dct", code=1).output
    assert "its joints are x, y, z; feedback is given on x and y" in told
    told = run_aqa("fit", "--head", "pose-dct", "-p", "coordinates=2", code=1).output
    assert "3 coordinates of each joint, not 2; leave out -p coordinates" in told


REFUSED = {
    "extract --backbone pose --stride 4 --weights w": "--weights, --stride: not for",
    "extract --backbone tiny3d --poses .": "--poses: not for --backbone tiny3d, only for pose",
    "fit --head pose-dct --store x.h5": "pose-dct takes joints, not features of imported:x.npz",
    "feedback v00 --head pose-apen": "PoseApEnHead gives no feedback",
    "score v01.npz --head pose-apen --weights x": "leave out --weights",
    "score bad.npz --head pose-apen": "2 joints (joint 0, joint 1, ...), the store has 3 (head, ",
    "eval --feedback": "no fitted head gives feedback",
}


def test_what_makes_no_sense(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    np.savez(workspace / "x.npz", **{f"v{i:02d}": np.ones((3, 6)) for i in range(24)})
    np.savez(workspace / "bad.npz", np.ones((9, 2, 2)))
    run_aqa("store", "import", "x.npz", "--store", "x.h5")
    run_aqa("extract", "--backbone", "pose", "--quiet")
    run_aqa("fit", "--head", "pose-apen", "-p", "C=1", "-p", "epsilon=0.1")
    for command, problem in REFUSED.items():
        code = 2 if "not for" in problem else 1
        assert problem in run_aqa(*command.split(), code=code).output, command

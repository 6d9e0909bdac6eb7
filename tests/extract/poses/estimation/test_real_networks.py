"""BlazePose itself, where its runtime (extra poses) and its file can be had, on drawn dives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.checkpoints.packaged_networks import BLAZEPOSE
from aqa.extract.checkpoints.packages import fetch_packaged
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.poses.estimation.blazepose import JOINTS, BlazePose
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.run import estimate_poses, load_networks
from aqa.extract.poses.estimation.settings import LEAST, EstimationSettings
from aqa.extract.poses.estimation.smooth import joined
from aqa.extract.poses.files import read_poses
from aqa.workflows.demo.dive import Dive
from aqa.workflows.demo.drawing import draw_dive
from aqa.workflows.demo.filming import JOINTS as DRAWN
from aqa.workflows.demo.filming import draw, joints_of
from aqa.workflows.demo.sampling import sample_dive

pytest.importorskip("ai_edge_litert", reason="needs the extra poses: ai-edge-litert")
SAME = [f"{side} {joint}" for side in ("left", "right") for joint in ("shoulder", "hip", "knee")]


@pytest.fixture(scope="module")
def blazepose(tmp_path_factory: pytest.TempPathFactory) -> BlazePose:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AQA_OFFLINE")
        cache = Path(os.environ.get("AQA_TEST_NETWORKS") or tmp_path_factory.mktemp("networks"))
        try:
            return load_networks(fetch_packaged(BLAZEPOSE, cache))
        except WeightsError as error:
            pytest.skip(f"BlazePose cannot be fetched here: {error}")


@pytest.fixture(scope="module")
def dive() -> Dive:
    return sample_dive(0, 4)


def _errors(joints: np.ndarray, names: Sequence[str], drawn: np.ndarray) -> np.ndarray:
    """Mean distance of joints of each frame from where they are drawn, in lengths of the trunk.

    Seen from the side, left and right cannot be told apart: the better order counts.
    """
    at = [name for name, _ in DRAWN].index
    trunk = np.linalg.norm(drawn[:, at("neck")] - drawn[:, at("pelvis")], axis=1)
    theirs = drawn[:, [at(name) for name in SAME]]
    ours = joints[:, [list(names).index(name) for name in SAME], :2]
    orders = [ours, np.roll(ours, len(SAME) // 2, axis=1)]
    distances = [np.linalg.norm(one - theirs, axis=2).mean(axis=1) for one in orders]
    errors: np.ndarray = np.fmin(*distances) / np.nanmedian(trunk)
    return errors


def test_a_drawn_diver_is_found_and_empty_water_is_not(
    blazepose: BlazePose, dive: Dive, tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "poses").mkdir()
    draw_dive(tmp_path, dive)
    video = Video("v", tmp_path / f"videos/{dive.video_id}.mp4", 1.0)
    summary = estimate_poses([video], tmp_path / "out", blazepose, EstimationSettings())
    assert summary.done == ["v"]
    poses, drawn = read_poses(tmp_path / "out/v.npz"), joints_of(dive)
    standing = _errors(poses.joints, poses.names, drawn)[: dive.stages.flight]
    assert np.isfinite(standing).mean() > 0.9
    assert np.nanmedian(standing) < 0.35
    gone = np.isnan(drawn[:, 0, 0])
    assert gone.any()
    assert np.isnan(poses.joints[gone]).all()


def test_an_athlete_whom_a_camera_follows(blazepose: BlazePose, dive: Dive) -> None:
    frames, flight = list(draw(dive)), dive.stages.flight
    part = slice(flight, flight + 8)
    found = joined(follow_moving(frames[part], blazepose, LEAST["moving"]))
    errors = _errors(found, JOINTS, joints_of(dive)[part])
    assert np.isfinite(errors).mean() > 0.7
    assert np.nanmedian(errors) < 0.4
    assert follow_moving(frames[-4:], blazepose, LEAST["moving"]) == [None] * 4

"""BlazePose itself, where its runtime (extra poses) and its file can be had, on drawn dives."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Video
from aqa.extract.checkpoints.packages import BLAZEPOSE, fetch_packaged
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.poses.estimation.blazepose import BlazePose
from aqa.extract.poses.estimation.moving import follow_moving
from aqa.extract.poses.estimation.run import estimate_poses, load_networks
from aqa.extract.poses.estimation.settings import EstimationSettings
from aqa.extract.poses.files import read_poses
from aqa.workflows.demo.drawing import draw_dive
from aqa.workflows.demo.filming import JOINTS as DRAWN
from aqa.workflows.demo.filming import draw, joints_of
from aqa.workflows.demo.sampling import sample_dive

pytest.importorskip("ai_edge_litert", reason="needs the extra poses: ai-edge-litert")
SAME = [
    (f"{side} {ours}", f"{side} {drawn}")
    for side in ("left", "right")
    for ours, drawn in (("shoulder", "shoulder"), ("hip", "hip"), ("knee", "knee"))
]


@pytest.fixture(scope="module")
def blazepose(tmp_path_factory: pytest.TempPathFactory) -> BlazePose:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AQA_OFFLINE")
        cache = Path(os.environ.get("AQA_TEST_NETWORKS") or tmp_path_factory.mktemp("networks"))
        try:
            return load_networks(fetch_packaged(BLAZEPOSE, cache))
        except WeightsError as error:
            pytest.skip(f"BlazePose cannot be fetched here: {error}")


def test_a_drawn_diver_is_found_and_empty_water_is_not(
    blazepose: BlazePose, tmp_path: Path
) -> None:
    dive = sample_dive(0, 4)
    (tmp_path / "videos").mkdir()
    (tmp_path / "poses").mkdir()
    draw_dive(tmp_path, dive)
    video = Video("v", tmp_path / f"videos/{dive.video_id}.mp4", 1.0)
    summary = estimate_poses([video], tmp_path / "out", blazepose, EstimationSettings())
    assert summary.done == ["v"]
    poses = read_poses(tmp_path / "out/v.npz")
    drawn, names = joints_of(dive), [name for name, _ in DRAWN]
    torso = np.nanmedian(
        np.linalg.norm(drawn[:, names.index("neck")] - drawn[:, names.index("pelvis")], axis=1)
    )
    ours = poses.joints[:, [poses.names.index(a) for a, _ in SAME]]
    theirs = drawn[:, [names.index(b) for _, b in SAME]]
    # Seen from the side, left and right cannot be told apart.
    errors = [
        np.linalg.norm(order - theirs, axis=2).mean(axis=1) / torso
        for order in (ours, np.roll(ours, 3, axis=1))
    ]
    error = np.fmin(*errors)
    standing = error[: dive.stages.flight]
    assert np.isfinite(standing).mean() > 0.9
    assert np.nanmedian(standing) < 0.35
    gone = np.isnan(drawn[:, 0, 0])
    assert gone.any()
    assert np.isnan(ours[gone]).all()


def test_a_moving_camera_too(blazepose: BlazePose) -> None:
    dive = sample_dive(0, 4)
    frames = list(draw(dive))
    flight = dive.stages.flight
    found = follow_moving(frames[flight - 4 : flight + 8], blazepose, 0.3)
    drawn = joints_of(dive)[flight - 4 : flight + 8]
    near = [
        body is not None and np.abs(body.places[11:29].mean(axis=0) - place.mean(axis=0)).max() < 20
        for body, place in zip(found, drawn, strict=True)
    ]
    assert np.mean(near) > 0.8
    assert follow_moving(frames[-6:], blazepose, 0.3) == [None] * 6

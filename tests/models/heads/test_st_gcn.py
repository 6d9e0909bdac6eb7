"""The graph of a body, its convolution held against a plain loop, and the slopes by its joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.base.joint_graph import (
    JointBlock,
    JointGraphNet,
    body_graph,
    near_joints,
    resampling,
    told_joints,
)
from aqa.models.heads.st_gcn import STGCNHead
from aqa.testing.examples import make_examples

QUICK = {"epochs": 3, "hidden": 4, "frames": 12, "layers": 2, "length": 3, "device": "cpu"}
# A body in 3D: middle, chest, head, and an arm of two bones from the chest.
BONES = [(0, 1), (1, 2), (1, 3), (3, 4)]


def moving_body(frames: int = 40) -> np.ndarray:
    """(frames, 5 x 3): bones of fixed lengths that turn about each other."""
    rng = np.random.default_rng(0)
    joints = np.zeros((frames, 5, 3))
    joints[:, 0] = rng.normal(size=(frames, 3)) * 5
    for parent, child in BONES:
        way = rng.normal(size=(frames, 3))
        joints[:, child] = joints[:, parent] + way / np.linalg.norm(way, axis=1, keepdims=True)
    return joints.reshape(frames, -1)


def test_joints_that_stay_near_each_other_are_connected() -> None:
    beside = near_joints([moving_body(), moving_body(30)], 3)
    assert {(a, b) for a, b in np.argwhere(beside).tolist() if a < b} == set(BONES)
    np.testing.assert_array_equal(beside, told_joints("0-1;1-2;1-3;3-4", 5))


def test_neighbours_are_parted_by_how_far_from_the_middle_they_are() -> None:
    beside = told_joints("0-1;1-2;1-3;3-4", 5)
    own, inward, outward = body_graph(beside, [moving_body()], 3)
    np.testing.assert_array_equal(own, np.eye(5))
    assert [np.flatnonzero(row).tolist() for row in inward] == [[1], [], [1], [1], [3]]
    assert [np.flatnonzero(row).tolist() for row in outward] == [[], [0, 2, 3], [], [4], []]
    np.testing.assert_allclose(outward[1], [1 / 3, 0, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize(
    ("bones", "problem"),
    [
        ("0-1;1-9", "'1-9' is not two numbers of joints, 0 to 4"),
        ("0-1;x", "'x' is not two numbers"),
        ("0-1;1-2", "do not connect joint 3 with joint 0"),
    ],
)
def test_bones_that_cannot_be_are_named(bones: str, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        told_joints(bones, 5)


@torch.no_grad()
def test_a_joint_gathers_what_its_neighbours_say() -> None:
    torch.manual_seed(0)
    graph = torch.tensor(body_graph(told_joints("0-1;1-2;1-3;3-4", 5), [moving_body()], 3)).float()
    block = JointBlock((2, 3), graph, 3, 2, 0.0).eval()
    block.importance.copy_(torch.rand_like(graph))
    x = torch.randn(1, 2, 6, 5)
    gathered = torch.zeros(1, 3, 6, 5)
    weight, bias = block.joints.weight[:, :, 0, 0].view(3, 3, 2), block.joints.bias.view(3, 3)
    for subset in range(3):
        for joint in range(5):
            for other in range(5):
                said = weight[subset] @ x[0, :, :, other] + bias[subset][:, None]
                strength = graph[subset, joint, other] * block.importance[subset, joint, other]
                gathered[0, :, :, joint] += strength * said
    scaled = gathered / np.sqrt(1 + 1e-5)  # batch norms as they begin
    over_time = block.time(torch.clamp(scaled, min=0)) / np.sqrt(1 + 1e-5)
    expected = torch.clamp(over_time + block.around(x), min=0)
    torch.testing.assert_close(block(x, graph), expected)
    assert expected.shape == (1, 3, 3, 5)


@torch.no_grad()
def test_where_the_body_is_does_not_count() -> None:
    torch.manual_seed(0)
    graph = body_graph(told_joints("0-1;1-2", 3), [np.random.default_rng(0).normal(size=(9, 6))], 2)
    net = JointGraphNet(2, graph, width=4, layers=2, length=3, dropout=0.0).eval()
    x = torch.randn(2, 12, 6)
    moved = x + torch.tensor([3.0, -7.0] * 3)
    torch.testing.assert_close(net(moved, torch.tensor([12, 12])), net(x, torch.tensor([12, 12])))


def test_a_video_at_another_frame_rate_gets_the_same_score() -> None:
    videos = make_examples(STGCNHead, 20)
    head = STGCNHead(**QUICK).fit_examples(videos)
    slow = [resampling(len(x), np.linspace(0, 1, 12)) @ x for x in videos.features]
    again = [resampling(12, np.linspace(0, 1, 23)) @ x for x in slow]
    np.testing.assert_allclose(head.predict(again), head.predict(slow), rtol=1e-4)


def test_its_slopes_are_those_of_small_steps() -> None:
    videos = make_examples(STGCNHead, 20)
    head = STGCNHead(**QUICK).fit_examples(videos)
    head.net_.double()
    video = videos.select([3])
    sequence = np.asarray(video.features[0], np.float64)
    matrix = torch.tensor(resampling(len(sequence), head.times_) / head.scale_[0])

    def score(joints: np.ndarray) -> float:
        with torch.no_grad():
            return float(head.net_(matrix @ torch.tensor(joints)[None], torch.tensor([12])))

    head.net_.float()
    found = head.gradient(video)
    assert found.shape == (len(sequence), 3, 2)
    head.net_.double()
    for frame, joint, axis in ((5, 0, 0), (20, 1, 1), (len(sequence) - 1, 2, 0)):
        more, less = sequence.copy(), sequence.copy()
        more[frame, 2 * joint + axis] += 1e-5
        less[frame, 2 * joint + axis] -= 1e-5
        slope = (score(more) - score(less)) / 2e-5 * float(head.y_std_)
        assert found[frame, joint, axis] == pytest.approx(slope, rel=1e-3, abs=1e-5)


def test_x_y_z_are_taken_and_told(shared: Path) -> None:
    paths = sorted((shared / "data/ui-prmd").glob("*.npy"))
    if not paths:
        pytest.skip("../shared/data/ui-prmd is absent")
    x = [np.load(path).reshape(-1, 66).astype(np.float32) for path in paths]
    y = np.array([float("inc" not in path.stem) for path in paths])
    head = STGCNHead(**QUICK, coordinates=3, loss="logistic", validation=0.0).fit(x, y)
    said = head.predict(x)
    assert ((said > 0) & (said < 1)).all()
    assert head.gives == ()
    with pytest.raises(HeadError, match="width 66 are not 4 coordinates each of two joints"):
        STGCNHead(**QUICK, coordinates=4).fit(x, y)


def test_its_bones_may_be_told() -> None:
    videos = make_examples(STGCNHead, 20)
    head = STGCNHead(**QUICK, bones="0-1;0-2").fit_examples(videos)
    assert np.argwhere(head.graph_[1] + head.graph_[2] > 0).tolist() == [
        *([0, 1], [0, 2]),
        *([1, 0], [2, 0]),
    ]
    assert isinstance(head.predict_examples(Examples.of(videos.features)), np.ndarray)


def test_an_even_length_is_refused() -> None:
    with pytest.raises(HeadError, match="length=4 is not odd"):
        STGCNHead(**{**QUICK, "length": 4}).fit_examples(make_examples(STGCNHead, 20))

"""Who is the athlete: motion, the likeliest path, smoothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from aqa.extract.poses.estimation.blazepose import JOINTS, BodyPose
from aqa.extract.poses.estimation.motion import motion, view_of
from aqa.extract.poses.estimation.path import Candidate, _steps, likeliest
from aqa.extract.poses.estimation.regions import Region
from aqa.extract.poses.estimation.smooth import doubted, joined, smoothed


def _body(x: float, y: float, score: float = 0.9, size: float = 40.0) -> BodyPose:
    n = len(JOINTS)
    return BodyPose(np.full((n, 2), [x, y]), np.full(n, 0.5), score, Region(x, y, size))


def _candidate(x: float, score: float = 0.9, moves: float = 1.0, seen: bool = True) -> Candidate:
    return Candidate(_body(x, 50.0, score), seen, np.array([x, 50.0]), moves)


def test_only_what_moves_against_the_background_counts(rng: np.random.Generator) -> None:
    wide = rng.integers(0, 255, (30, 50), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    views = []
    for i in range(3):  # the camera pans by 12 pixels, a square goes the other way
        frame = np.repeat(wide[20:200, 12 * i : 12 * i + 260, None], 3, axis=2)
        frame[60:84, 150 - 20 * i : 174 - 20 * i] = (i * 7 + 100, 250, 0)
        views.append(view_of(frame))
    moved = motion(*views)
    y, x = np.unravel_index(moved.argmax(), moved.shape)
    assert 60 <= y < 84
    assert 130 <= x < 154
    assert moved[120:160, 40:100].max() < 0.2 * moved.max()


def test_nothing_tells_of_motion_on_a_blank_picture() -> None:
    blank = view_of(np.full((90, 120, 3), 128, np.uint8))
    assert motion(blank, blank, blank) is None
    assert motion(None, blank, None) is None


def test_the_likeliest_path_is_the_cheapest_of_all(rng: np.random.Generator) -> None:
    tried = [
        [_candidate(*rng.uniform([0, 0.05, 0], [90, 1, 1]), seen=bool(i % 2)) for i in range(n)]
        for n in (2, 0, 3, 2)
    ]
    nobody = -math.log(0.3)

    def cost(path: tuple[int, ...]) -> float:
        alone = sum(
            frame[i].cost if i < len(frame) else nobody
            for i, frame in zip(path, tried, strict=True)
        )
        ways = zip(itertools.pairwise(path), itertools.pairwise(tried), strict=True)
        return alone + sum(_steps(*frames)[i, j] for (i, j), frames in ways)

    best = min(itertools.product(*(range(len(frame) + 1) for frame in tried)), key=cost)
    wanted = [f[i].body if i < len(f) else None for i, f in zip(best, tried, strict=True)]
    assert all(a is b for a, b in zip(likeliest(tried, 0.3), wanted, strict=True))


def test_an_athlete_is_not_lost_to_a_spectator_or_to_empty_water() -> None:
    athlete = [[_candidate(50 + i, 0.6)] for i in range(8)]
    for i in (2, 3):
        athlete[i] = [_candidate(200.0, 0.99, moves=0.0), *athlete[i]]
    tried = [*athlete, *([[_candidate(60.0, 0.05)]] * 4), [_candidate(150.0, 0.5, seen=False)], []]
    found = [None if body is None else body.next.x for body in likeliest(tried, 0.3)]
    assert found == [*(50.0 + i for i in range(8)), *([None] * 6)]
    assert likeliest([], 0.3) == []


def test_smoothing_is_a_weighted_line_about_each_frame(rng: np.random.Generator) -> None:
    joints = rng.uniform(0, 100, (9, 2, 3))
    joints[..., 2] = rng.uniform(0.1, 1, (9, 2))
    times = np.arange(9)
    result = smoothed(joints, 1.5)
    for i, joint in ((0, 0), (4, 1)):
        near = np.abs(times - i) <= 5
        weight = np.exp(-0.5 * ((times - i) / 1.5) ** 2) * (joints[:, joint, 2] + 1e-3)
        line = np.polyfit(times[near], joints[near, joint, 0], 1, w=np.sqrt(weight[near]))
        assert result[i, joint, 0] == pytest.approx(np.polyval(line, i), rel=1e-6)
    np.testing.assert_array_equal(result[..., 2], joints[..., 2])
    assert smoothed(joints, 0) is joints


def test_smoothing_keeps_frames_without_anybody_empty() -> None:
    bodies = [_body(i, 5.0) if i != 3 else None for i in range(7)]
    joints = smoothed(joined(bodies), 1.0)
    assert np.isnan(joints[3, :, :2]).all()
    assert (joints[3, :, 2] == 0).all()
    steady = np.delete(np.arange(7.0), 3)
    np.testing.assert_allclose(np.delete(joints[:, 0, 0], 3), steady, atol=1e-6)
    assert joints[0, 0, 2] == pytest.approx(0.45)  # of the joint, if the body is there


def test_a_joint_that_jumps_is_believed_less() -> None:
    joints = joined([_body(i, 5.0) for i in range(9)])
    joints[:, [11, 12], 1] = 25.0  # shoulders 20 pixels from the hips
    joints[4, 15, 0] += 30
    before = joints.copy()
    result = doubted(joints)
    np.testing.assert_array_equal(joints, before)
    np.testing.assert_array_equal(result[..., :2], joints[..., :2])
    assert result[4, 15, 2] < 0.1 * joints[4, 15, 2]
    np.testing.assert_allclose(result[:, 16, 2], joints[:, 16, 2])
    nobody = joined([None, None])
    assert doubted(nobody) is nobody

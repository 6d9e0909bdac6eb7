"""Boundaries from posteriors, labels from boundaries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from aqa.models.heads.base import HeadError
from aqa.models.stages import (
    frame_posteriors,
    hand_starts,
    stage_labels,
    stage_names,
    stage_starts,
    stages_at,
)


def sure(labels: str, n_stages: int = 3) -> np.ndarray:
    """Posteriors of frames whose stage is told with certainty, as "0012"."""
    return np.eye(n_stages)[[int(label) for label in labels]]


def shown(starts: np.ndarray, n_frames: int) -> str:
    return "".join(map(str, stage_labels(starts, n_frames)))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("000111222", "000111222"),
        ("111222", "111222"),  # it starts in stage 1
        ("000222", "000222"),  # stage 1 has no frames
        ("000000", "000000"),
        ("001000111222", "000000111222"),  # a stray frame
        ("000111011222", "000111111222"),  # runs of 1 about a stray one of 0
        ("000111222011", "000111222222"),
        ("220001112222", "000001112222"),  # strays of the last stage in front
    ],
)
def test_runs_and_order(labels: str, expected: str) -> None:
    assert shown(stage_starts(sure(labels)), len(labels)) == expected


def test_strays_have_no_say() -> None:
    # Two stray frames of stage 2, certain, against three of stage 0 that are not.
    posteriors = sure("0022000111222222")
    posteriors[4:7] = [0.4, 0.3, 0.3]
    assert shown(stage_starts(posteriors), 16)[:7] == "0000000"


@pytest.mark.parametrize("seed", range(20))
def test_starts_are_the_best_there_are(seed: int) -> None:
    """Against every way to place the starts."""
    rng = np.random.default_rng(seed)
    n_frames = 9
    posteriors = rng.dirichlet(np.ones(4), n_frames)
    gains = {
        starts: sum(posteriors[t, s] for t, s in enumerate(stage_labels(np.array(starts), 9)))
        for starts in itertools.combinations_with_replacement(range(n_frames + 1), 3)
        for starts in [(0, *starts)]
    }
    found = stage_starts(posteriors)
    assert gains[tuple(found.tolist())] == pytest.approx(max(gains.values()))
    assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_of_equally_good_starts_the_earlier_are_taken(seed: int) -> None:
    """Posteriors of whole quarters, whose sums are exact, tie often."""
    posteriors = np.random.default_rng(seed).integers(0, 3, (7, 3)) / 4
    gains = {
        (0, *starts): sum(
            posteriors[t, s] for t, s in enumerate(stage_labels(np.array([0, *starts]), 7))
        )
        for starts in itertools.combinations_with_replacement(range(8), 2)
    }
    best = [starts for starts, gain in gains.items() if gain == max(gains.values())]
    found = stage_starts(posteriors).tolist()
    assert found == np.min(best, axis=0).tolist()


def test_where_nothing_is_known_every_stage_starts_at_once() -> None:
    assert stage_starts(np.full((5, 3), 1 / 4)).tolist() == [0, 0, 0]


def test_the_stage_of_a_clip_is_that_of_its_middle() -> None:
    clips = np.array([[-8, 8], [0, 4], [2, 6], [4, 8]])
    assert stages_at(np.array([0, 4, 6]), clips).tolist() == [0, 0, 1, 2]
    assert stages_at(np.array([0, 4, 6]), np.array([[-20, -4]])).tolist() == [0]


def test_frames_lie_between_clips() -> None:
    clips = np.array([[0, 3], [4, 7]])  # their middles are frames 1 and 5
    found = frame_posteriors(np.array([[1.0, 0.0], [0.0, 1.0]]), clips, 8)
    np.testing.assert_allclose(found[:, 1], [0, 0, 0.25, 0.5, 0.75, 1, 1, 1])
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_hand_labels() -> None:
    stages = [{"flight": 3, "entry": 5}, {"flight": 0, "entry": 9}]
    names = stage_names(stages)
    assert names == ("before", "flight", "entry")
    assert [own.tolist() for own in hand_starts(stages, names)] == [[0, 3, 5], [0, 0, 9]]


@pytest.mark.parametrize(
    ("stages", "problem"),
    [
        ([{}, {}], "no video has stages"),
        (
            [{"flight": 3, "entry": 5}, {"flight": 3}],
            r"1 of 2 videos have no first frame of some stages: row 1 \(entry\); fill",
        ),
        ([{}, {"flight": 3}], r"row 0 \(flight\); fill in"),
    ],
)
def test_missing_hand_labels(stages: list[dict[str, int]], problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        hand_starts(stages, stage_names(stages))

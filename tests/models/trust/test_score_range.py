"""Conformal ranges: their widths, how often they hold, and how they are saved."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from aqa.errors import RunError
from aqa.models.examples import Examples
from aqa.models.heads import get_head
from aqa.models.trust.score_range import (
    QUANTILES,
    ScoreRange,
    outside_of,
    range_of,
    shown_bounds,
)


def test_half_widths_are_errors_of_the_conformal_rank() -> None:
    made = range_of(np.arange(1, 20) * [1, -1, *[1] * 17], np.zeros(19), "made up")
    assert made is not None
    assert made.half_widths == {50: 10.0, 80: 16.0, 95: 19.0}
    assert made.margins is None
    assert shown_bounds(made.quantiles([50.0])).tolist() == [[34.0, 66.0]]
    assert (made.videos, made.source) == (19, "made up")


def test_fewer_than_nineteen_errors_make_none() -> None:
    assert range_of(np.ones(18), np.zeros(18), "made up") is None


@pytest.mark.parametrize("level", [50, 80, 95])
def test_ranges_hold_as_often_as_they_say(level: int, rng: np.random.Generator) -> None:
    held = []
    for _ in range(400):
        made = range_of(rng.standard_t(4, 60), np.zeros(60), "made up")
        assert made is not None
        held.append(np.mean(np.abs(rng.standard_t(4, 50)) <= made.half_widths[level]))
    assert np.mean(held) == pytest.approx(level / 100, abs=0.02)


def test_quantiles_are_the_bounds_of_the_levels() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up")
    assert QUANTILES == (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    assert made.quantiles([10.0]).tolist() == [[7, 8, 9, 10, 11, 12, 13]]


OWN = [[4.0, 5.0, 7.0, 10.0, 13.0, 15.0, 16.0]]


def test_bounds_that_a_head_says_are_moved_apart_up_to_the_score() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up", {50: -3.5, 80: 0.5, 95: 2.0})
    assert made.quantiles([10.0], OWN).tolist() == [[2, 4.5, 10, 10, 10, 15.5, 18]]


def test_the_range_of_a_higher_level_holds_that_of_a_lower_one() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up", {50: 3.0, 80: -0.5, 95: -2.0})
    assert made.quantiles([10.0], OWN).tolist() == [[4, 4, 4, 10, 16, 16, 16]]


def test_how_far_scores_lie_outside_of_a_heads_bounds() -> None:
    found = outside_of([10.0, 3.0, 15.5], OWN * 3)
    assert {level: values.tolist() for level, values in found.items()} == {
        50: [-3.0, 4.0, 2.5],
        80: [-5.0, 2.0, 0.5],
        95: [-6.0, 1.0, -0.5],
    }


def said(spread: np.ndarray) -> np.ndarray:
    """The quantiles of normal distributions around 0."""
    return spread[:, None] * norm.ppf(QUANTILES)


def test_margins_are_distances_of_the_conformal_rank(rng: np.random.Generator) -> None:
    spread = np.linspace(0.1, 3, 39)
    true, own = spread * rng.choice([-1, 1], 39), said(spread)
    made = range_of(true, np.zeros(39), "made up", own)
    assert made is not None
    assert made.margins is not None
    for level, place, (low, high) in ((50, 19, (2, 4)), (80, 31, (1, 5)), (95, 37, (0, 6))):
        by_hand = [
            max(a - t, t - b) for t, a, b in zip(true, own[:, low], own[:, high], strict=True)
        ]
        assert made.margins[level] == sorted(by_hand)[place]
        assert made.half_widths[level] == np.sort(spread)[place]


def test_a_sureness_that_tells_nothing_of_errors_is_not_taken(rng: np.random.Generator) -> None:
    errors, spread = rng.normal(size=300), rng.uniform(0.1, 3, 300)
    made = range_of(errors, np.zeros(300), "made up", said(spread))
    assert made == range_of(errors, np.zeros(300), "made up")
    assert made is not None
    assert made.margins is None


@pytest.mark.parametrize("level", [50, 80, 95])
@pytest.mark.parametrize("sure", [0.1, 1.0, 5.0])
def test_a_head_that_is_too_sure_or_not_sure_enough_holds_as_often_as_it_says(
    level: int, sure: float, rng: np.random.Generator
) -> None:
    held = []
    for _ in range(300):
        known, asked = rng.uniform(0.5, 2.0, (2, 60))
        made = range_of(rng.normal(scale=known), np.zeros(60), "made up", said(sure * known))
        assert made is not None
        bounds = made.quantiles(np.zeros(60), said(sure * asked))
        true, (low, high) = rng.normal(scale=asked), {50: (2, 4), 80: (1, 5), 95: (0, 6)}[level]
        held.append(np.mean((bounds[:, low] <= true) & (true <= bounds[:, high])))
    assert np.mean(held) == pytest.approx(level / 100, abs=0.03)


def test_a_record_gives_it_back() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up")
    assert "margins" not in made.to_dict()
    assert ScoreRange.of(json.loads(json.dumps(made.to_dict())), "run") == made
    made = replace(made, margins={50: -1.0, 80: 0.5, 95: 3.0})
    assert ScoreRange.of(json.loads(json.dumps(made.to_dict())), "run") == made


HALF = {"half_widths": {"50": 1, "80": 2, "95": 3}, "videos": 20, "source": "made up"}


@pytest.mark.parametrize(
    "record",
    [
        3,
        {},
        {"half_widths": {"80": 1}, "videos": 1, "source": ""},
        {"half_widths": []},
        HALF | {"margins": {"80": 1}},
    ],
)
def test_a_damaged_record_is_one_line(record: object) -> None:
    with pytest.raises(RunError, match="run: the range of its scores that it records cannot be"):
        ScoreRange.of(record, "run")


def test_a_head_that_says_no_bounds_any_more_has_ranges_that_are_all_as_wide() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up", {50: 0.0, 80: 0.0, 95: 0.0})
    videos = Examples(("a",), [np.zeros((1, 2))], np.array([9.0]))
    head = get_head("svr")()
    assert made.of_videos(head, videos, [10.0]).tolist() == [[7, 8, 9, 10, 11, 12, 13]]

"""Conformal ranges: their widths, how often they hold, and how they are saved."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aqa.errors import RunError
from aqa.models.trust.score_range import ScoreRange, range_of


def test_half_widths_are_errors_of_the_conformal_rank() -> None:
    made = range_of(np.arange(1, 20) * [1, -1, *[1] * 17], "made up")
    assert made is not None
    assert made.half_widths == {50: 10.0, 80: 16.0, 95: 19.0}
    assert made.around(50.0) == (34.0, 66.0)
    assert made.around(50.0, 95) == (31.0, 69.0)
    assert (made.videos, made.source) == (19, "made up")


def test_fewer_than_nineteen_errors_make_none() -> None:
    assert range_of(np.ones(18), "made up") is None


@pytest.mark.parametrize("level", [50, 80, 95])
def test_ranges_hold_as_often_as_they_say(level: int, rng: np.random.Generator) -> None:
    held = []
    for _ in range(400):
        made = range_of(rng.standard_t(4, 60), "made up")
        assert made is not None
        held.append(np.mean(np.abs(rng.standard_t(4, 50)) <= made.half_widths[level]))
    assert np.mean(held) == pytest.approx(level / 100, abs=0.02)


def test_quantiles_are_the_bounds_of_the_levels() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up")
    at = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    assert made.quantiles([10.0], at).tolist() == [[7, 8, 9, 10, 11, 12, 13]]


def test_a_record_gives_it_back() -> None:
    made = ScoreRange({50: 1.0, 80: 2.0, 95: 3.0}, 20, "made up")
    assert ScoreRange.of(json.loads(json.dumps(made.to_dict())), "run") == made


@pytest.mark.parametrize(
    "record", [3, {}, {"half_widths": {"80": 1}, "videos": 1, "source": ""}, {"half_widths": []}]
)
def test_a_damaged_record_is_one_line(record: object) -> None:
    with pytest.raises(RunError, match="run: the range of its scores that it records cannot be"):
        ScoreRange.of(record, "run")

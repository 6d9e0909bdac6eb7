"""How sure a head is, and what else it tells, against what is true."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from aqa.evaluation.beside_scores import measure_attributes, measure_coverage
from aqa.models.trust.score_range import QUANTILES


def test_coverage_is_counted_by_hand() -> None:
    true = [10.0, 20.0, 30.0, 40.0]
    bounds = np.array([[0, 5, 9, 10, 11, 15, 20]] * 4, float)
    found = measure_coverage(true, bounds).to_dict()
    assert found["n"] == 4
    assert (found["coverage_50"], found["coverage_80"]) == (0.25, 0.25)
    assert found["coverage_95"] == 0.5  # 20 lies on the bound, which is inside
    assert found["width_80"] == 10
    on_the_bounds = measure_coverage([9.0, 11.0], bounds[:2]).values
    assert on_the_bounds["coverage_50"] == 1.0
    assert (found["below_0.025"], found["below_0.5"], found["below_0.975"]) == (0.0, 0.0, 0.25)


@pytest.mark.parametrize(
    ("stretch", "expected"), [(1.0, (0.5, 0.8, 0.95)), (2.0, (0.82, 0.99, 1.0))]
)
def test_it_tells_the_calibrated_from_the_too_careful(
    rng: np.random.Generator, stretch: float, expected: tuple
) -> None:
    mean = rng.uniform(0, 100, 3000)
    true = rng.normal(mean, 5)
    bounds = mean[:, None] + stretch * 5 * scipy.stats.norm.ppf(QUANTILES)
    found = measure_coverage(true, bounds, resamples=200).to_dict()
    names = ("coverage_50", "coverage_80", "coverage_95")
    for name, share in zip(names, expected, strict=True):
        assert found[name] == pytest.approx(share, abs=0.025)
        low, high = found[f"{name}_interval"]
        assert low <= found[name] <= high
    for q in QUANTILES:
        z = stretch * scipy.stats.norm.ppf(q)
        assert found[f"below_{q:g}"] == pytest.approx(scipy.stats.norm.cdf(z), abs=0.025)


def test_attributes_count_where_they_are_known_and_told() -> None:
    true = [{"position": "pike"}, {"position": "tuck", "twists": "1"}, {"twists": "2"}, {}]
    said = [{"position": "pike", "twists": "1"}] * 4
    found = measure_attributes(true, said).to_dict()
    assert (found["n"], found["position"], found["twists"]) == (4, 0.5, 0.5)
    assert found["armstand"] is None
    assert found["armstand_interval"] is None
    assert found["position_interval"] == [0.0, 1.0]

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.models.metrics import METRICS, med, mse, relative_l2, report, spearman


def test_spearman_is_scipys_with_and_without_ties(rng: np.random.Generator) -> None:
    for _ in range(20):
        a, b = rng.integers(0, 8, size=(2, 30)).astype(float)
        assert spearman(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic)


def test_without_ties_it_is_the_papers_formula(rng: np.random.Generator) -> None:
    a, b = rng.permutation(25).astype(float), rng.permutation(25).astype(float)
    d = a - b  # they are their own ranks
    assert spearman(a, b) == pytest.approx(1 - 6 * (d @ d) / (25 * (25**2 - 1)))


def test_distances_by_hand() -> None:
    true, pred = np.array([10.0, 20.0, 40.0]), np.array([12.0, 20.0, 37.0])
    assert mse(true, pred) == pytest.approx((4 + 0 + 9) / 3)
    assert med(true, pred) == pytest.approx((2 + 0 + 3) / 3)
    assert relative_l2(true, pred) == pytest.approx(100 * (4 + 0 + 9) / 3 / 30**2)


@pytest.mark.parametrize("name", METRICS)
def test_the_last_axis_is_reduced(name: str, rng: np.random.Generator) -> None:
    true, pred = rng.normal(size=(2, 5, 12))
    each = [METRICS[name](t, p) for t, p in zip(true, pred, strict=True)]
    np.testing.assert_allclose(METRICS[name](true, pred), each)


def test_intervals_hold_the_value_and_narrow_with_more_videos(rng: np.random.Generator) -> None:
    widths = []
    for n in (30, 300):
        true = rng.normal(size=n)
        result = report(true, true + rng.normal(size=n))
        for name in METRICS:
            low, high = result[f"{name}_interval"]  # type: ignore[misc]
            assert low < result[name] < high  # type: ignore[operator]
        low, high = result["spearman_interval"]  # type: ignore[misc]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_as_often_as_it_says(rng: np.random.Generator) -> None:
    hits = 0
    for k in range(200):
        error = rng.normal(size=60)
        low, high = report(np.arange(60.0), np.arange(60.0) + error, resamples=300, seed=k)[
            "mse_interval"
        ]  # type: ignore[misc]
        hits += low < 1 < high
    assert 0.85 < hits / 200 < 0.99


def test_what_is_undefined_is_none() -> None:
    assert report([], [])["mse"] is None
    one = report([5.0], [6.0])
    assert (one["spearman"], one["mse"], one["mse_interval"]) == (None, 1.0, None)
    constant = report([5.0, 5.0, 5.0], [1.0, 2.0, 3.0])
    assert (constant["spearman"], constant["relative_l2"]) == (None, None)
    assert constant["spearman_interval"] is None


def test_difficulty_alone_on_real_dives(shared: Path) -> None:
    with (shared / "data" / "unlv-dive-p3d" / "videos.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    score, difficulty = ([float(row[c]) for row in rows] for c in ("score", "difficulty"))
    assert report(score, difficulty)["spearman"] == pytest.approx(0.286, abs=5e-4)

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from aqa.evaluation.metrics import (
    METRICS,
    fisher_z,
    kendall,
    med,
    mse,
    pearson,
    ranks,
    relative_l2,
    report,
    spearman,
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (spearman, scipy.stats.spearmanr),
        (pearson, scipy.stats.pearsonr),
        (kendall, scipy.stats.kendalltau),
    ],
)
def test_correlations_are_scipys_with_and_without_ties(metric, expected, rng) -> None:
    for high in (3, 8, 10**6):
        for _ in range(10):
            a, b = rng.integers(0, high, size=(2, 30)).astype(float)
            assert metric(a, b) == pytest.approx(expected(a, b).statistic)


def test_ranks_are_scipys(rng: np.random.Generator) -> None:
    y = rng.integers(0, 5, 20).astype(float)
    np.testing.assert_array_equal(ranks(y), scipy.stats.rankdata(y))


def test_without_ties_it_is_the_papers_formula(rng: np.random.Generator) -> None:
    a, b = rng.permutation(25).astype(float), rng.permutation(25).astype(float)
    d = a - b  # they are their own ranks
    assert spearman(a, b) == pytest.approx(1 - 6 * (d @ d) / (25 * (25**2 - 1)))


def test_distances_by_hand() -> None:
    true, pred = np.array([10.0, 20.0, 40.0]), np.array([12.0, 20.0, 37.0])
    assert mse(true, pred) == pytest.approx((4 + 0 + 9) / 3)
    assert med(true, pred) == pytest.approx((2 + 0 + 3) / 3)
    assert relative_l2(true, pred) == pytest.approx(100 * (4 + 0 + 9) / 3 / 30**2)
    spans = np.array([10.0, 10.0, 50.0])  # of each video's action
    by_action = 100 * (4 / 10**2 + 0 + 9 / 50**2) / 3
    assert relative_l2(true, pred, span=spans) == pytest.approx(by_action)


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_is_a_number_of_copies(name: str, rng: np.random.Generator) -> None:
    true, pred = rng.integers(0, 9, size=(2, 15)).astype(float)
    true[:2] = 0, 8  # the range, which a resample keeps
    counts = rng.integers(0, 4, size=(6, 15)).astype(float)
    counts[:, :2] += 1
    expected = [
        METRICS[name](np.repeat(true, c.astype(int)), np.repeat(pred, c.astype(int)))
        for c in counts
    ]
    np.testing.assert_allclose(METRICS[name](true, pred, counts), expected, atol=1e-14)


def test_intervals_are_quantiles_of_plain_resamples(rng: np.random.Generator) -> None:
    true = rng.normal(size=25)
    pred = true + rng.normal(size=25)
    result = report(true, pred, resamples=200, seed=3)
    draws = np.random.default_rng(3).integers(25, size=(200, 25))
    for name, expected in (
        ("spearman", [scipy.stats.spearmanr(true[d], pred[d]).statistic for d in draws]),
        ("med", [np.abs(true[d] - pred[d]).mean() for d in draws]),
    ):
        np.testing.assert_allclose(
            result[f"{name}_interval"], np.quantile(expected, [0.025, 0.975])
        )


def test_intervals_hold_the_value_and_narrow_with_more_videos(rng: np.random.Generator) -> None:
    widths = []
    for n in (30, 300):
        true = rng.normal(size=n)
        result = report(true, true + rng.normal(size=n))
        for name in METRICS:
            low, high = result[f"{name}_interval"]
            assert low < result[name] < high
        low, high = result["spearman_interval"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_intervals_cover_as_often_as_they_say(rng: np.random.Generator) -> None:
    """A narrower quantile, say of 85 %, would leave these bounds."""
    rho, n, times = 0.7, 40, 200
    truths = {"spearman": 6 / np.pi * np.arcsin(rho / 2), "pearson": rho, "mse": 2 - 2 * rho}
    hits = dict.fromkeys(truths, 0)
    for k in range(times):
        true, noise = rng.normal(size=(2, n))
        result = report(true, rho * true + np.sqrt(1 - rho**2) * noise, resamples=200, seed=k)
        for name, truth in truths.items():
            low, high = result[f"{name}_interval"]
            hits[name] += low < truth < high
    assert all(0.89 < hit / times < 0.985 for hit in hits.values()), hits


def test_what_is_undefined_is_none() -> None:
    assert report([], [])["mse"] is None
    one = report([5.0], [6.0])
    assert (one["spearman"], one["mse"], one["mse_interval"]) == (None, 1.0, None)
    constant = report([5.0, 5.0, 5.0], [1.0, 2.0, 3.0])
    assert (constant["spearman"], constant["relative_l2"]) == (None, None)
    assert constant["spearman_interval"] is None
    flat = report([1.0, 2.0, 3.0, 7.0], [0.1, 0.1, 0.1, 0.1])
    assert [flat[name] for name in ("spearman", "pearson", "kendall")] == [None, None, None]


def test_fisher_z_is_the_mean_of_arctanh() -> None:
    found = fisher_z([0.6, 0.8])
    assert found == pytest.approx(np.tanh((np.arctanh(0.6) + np.arctanh(0.8)) / 2))
    assert np.isnan(fisher_z([0.6, 1.0]))
    assert np.isnan(fisher_z([0.6, np.nan]))


def test_difficulty_alone_on_real_dives(shared: Path) -> None:
    with (shared / "data" / "unlv-dive-p3d" / "videos.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    score, difficulty = ([float(row[c]) for row in rows] for c in ("score", "difficulty"))
    assert report(score, difficulty)["spearman"] == pytest.approx(0.286, abs=5e-4)


@pytest.fixture(scope="module")
def printed(shared: Path) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
    """(paper and table, metric) -> system -> what each value is of -> value."""
    found: dict = defaultdict(lambda: defaultdict(dict))
    with (shared / "paper_results.csv").open() as file:
        for row in csv.DictReader(file):
            of = row["subset"] if row["paper_file"].startswith("004") else row["split"]
            table = f"{row['paper_file'][:3]} {row['table']}"
            found[table, row["metric"]][row["system"]][of] = float(row["value"])
    return found


class TestPrintedAverages:
    """The averages that the papers print, recomputed from the values beside them."""

    @pytest.mark.parametrize(
        ("table", "metric", "average", "systems", "strange"),
        [
            ("000 Table I", "SRC", "avg10", 11, {}),
            (
                *("000 Table II", "MSE", "avg10", 11),
                {
                    "C3D+LSTM+SVR (F)": (105.357, 105.35),
                    "Siamese constant expert bias (type 1)": (107.172, 107.18),
                },
            ),
            ("000 Table VI", "SRC", "avg5", 5, {"C3D+LSTM (I)": (0.476, 0.47)}),
            ("000 Table VI", "MSE", "avg5", 5, {}),
        ],
    )
    def test_over_splits(self, printed, table, metric, average, systems, strange) -> None:
        rows = printed[table, metric]
        assert len(rows) == systems
        differing = {}
        for name, values in rows.items():
            mean = np.mean([value for split, value in values.items() if split != average])
            if abs(mean - values[average]) > 0.005 + 1e-9:  # 000 rounds some and cuts off others
                differing[name] = (round(mean, 3), values[average])
        assert differing == strange

    @pytest.mark.parametrize(
        ("table", "by_fisher", "by_mean"), [("004 Table 2", 3, 0), ("004 Table 3", 0, 8)]
    )
    def test_over_actions(self, printed, table, by_fisher, by_mean) -> None:
        """Table 3's are means of the actions that were not trained on, not Fisher's as it says."""
        agreeing = [0, 0]
        for system, values in printed[table, "SRC"].items():
            if "avg_fisher_z" not in values:
                continue
            own = system.partition("trained on ")[2]
            each = [v for action, v in values.items() if action not in ("avg_fisher_z", own)]
            for i, mean in enumerate((fisher_z(each), np.mean(each))):
                agreeing[i] += abs(mean - values["avg_fisher_z"]) < 0.00005
        assert agreeing == [by_fisher, by_mean]

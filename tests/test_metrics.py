"""Plain metric functions, against SciPy, scikit-learn and the plain way."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from aqa import metrics
from aqa.metrics import (
    fisher_z,
    has_fisher_z,
    kendall,
    med,
    mse,
    pearson,
    ranks,
    relative_l2,
    roc_auc,
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


@pytest.mark.parametrize("n", [2, 63, 64, 65, 1024, 1025, 3000, 20_000])
def test_kendall_of_many_is_scipys_with_and_without_ties(n, rng, monkeypatch) -> None:
    monkeypatch.setattr(metrics, "_FEW", 0)
    for high in (3, 40, 10**6):
        a, b = rng.integers(0, high, size=(2, n)).astype(float)
        b[: n // 2] = a[: n // 2]
        expected = scipy.stats.kendalltau(a, b).statistic
        assert kendall(a, b) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("n", [10, 64, 200, 1100])
def test_kendall_of_many_is_that_of_all_pairs(n, rng, monkeypatch) -> None:
    """Whole weights leave nothing to rounding."""
    for high in (4, 100, 10**6):
        a, b = rng.integers(0, high, size=(2, n)).astype(float)
        weights = rng.integers(0, 4, size=(7, n)).astype(float)
        found = []
        for few in (10**9, 0):
            monkeypatch.setattr(metrics, "_FEW", few)
            found.append(kendall(a, b, weights))
        np.testing.assert_array_equal(*found)


def test_kendall_of_many_holds_no_matrix_of_pairs(rng: np.random.Generator) -> None:
    """50,000 videos have 20 GB of them."""
    a, b = rng.normal(size=(2, 50_000))
    tracemalloc.start()
    kendall(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6


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


def test_fisher_z_is_the_mean_of_arctanh() -> None:
    found = fisher_z([0.6, 0.8])
    assert found == pytest.approx(np.tanh((np.arctanh(0.6) + np.arctanh(0.8)) / 2))
    assert np.isnan(fisher_z([0.6, 1.0]))
    assert np.isnan(fisher_z([0.6, np.nan]))
    # What rounding leaves of a perfect correlation has no z either.
    assert not has_fisher_z([1 - 1e-15, np.nan, -1.0]).any()


@pytest.mark.parametrize("metric", [spearman, pearson, kendall])
def test_equal_values_have_no_correlation(metric, rng: np.random.Generator) -> None:
    """Their weighted mean is off by rounding, which must not be taken for variation."""
    weights = rng.integers(0, 5, size=(50, 9)).astype(float) + 0.1
    for level in (0.1, 1e9 / 3, -7e-9):
        assert np.isnan(metric(rng.normal(size=9), np.full(9, level), weights)).all()


def test_small_variation_is_variation(rng: np.random.Generator) -> None:
    true = rng.normal(size=9)
    assert pearson(true, 1000 + 1e-6 * true) == pytest.approx(1)


def test_the_area_is_scikit_learns_with_weights_and_ties(rng: np.random.Generator) -> None:
    similar, chance = rng.random(60) < 0.4, rng.random(60).round(1)
    weights = rng.integers(0, 3, size=(20, 60)).astype(float)
    expected = [
        sklearn.metrics.roc_auc_score(similar, chance, sample_weight=weight) for weight in weights
    ]
    np.testing.assert_allclose(roc_auc(similar, chance, weights), expected)


def test_metrics_of_classes_are_scikit_learns_for_each_weighting() -> None:
    rng = np.random.default_rng(0)
    true = (rng.random(30) < 0.4).astype(float)
    margin = np.round(rng.normal(true - 0.5, 1), 1)
    weight = rng.integers(0, 3, (5, 30)).astype(float)
    theirs = {
        metrics.class_accuracy: lambda w: sklearn.metrics.accuracy_score(
            true, margin >= 0, sample_weight=w
        ),
        metrics.class_balanced_accuracy: lambda w: sklearn.metrics.balanced_accuracy_score(
            true, margin >= 0, sample_weight=w
        ),
        metrics.class_f1: lambda w: sklearn.metrics.f1_score(true, margin >= 0, sample_weight=w),
        metrics.class_roc_auc: lambda w: sklearn.metrics.roc_auc_score(
            true, margin, sample_weight=w
        ),
    }
    for ours, expected in theirs.items():
        assert ours(true, margin, weight) == pytest.approx([expected(w) for w in weight])
        assert float(ours(true, margin)) == pytest.approx(expected(None))

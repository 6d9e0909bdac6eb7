from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from aqa.models.heads.base.ridge import RIDGES, choose_ridge, solve_exact, solve_iterative


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    z = np.maximum(rng.normal(size=(120, 10)) * np.logspace(-0.5, 0.5, 10), 0)  # as ReLU leaves it
    z[:, 4] = 0  # a dead unit
    return z, 60 + z @ rng.normal(size=10) + rng.normal(size=120)


def test_without_ridge_it_is_least_squares(rows):
    z, y = rows
    weights, intercept = solve_exact(z, y, 0)
    expected = LinearRegression().fit(z, y).predict(z)
    np.testing.assert_allclose(z @ weights + intercept, expected)


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_ridge_is_that_of_activations_scaled_alike(rows, ridge):
    z, y = rows
    weights, intercept = solve_exact(z, y, ridge)
    normal = z / np.sqrt(z.var(axis=0).mean())
    expected = Ridge(alpha=ridge * len(y)).fit(normal, y).predict(normal)
    np.testing.assert_allclose(z @ weights + intercept, expected)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_the_iterative_solver_arrives_at_the_exact_optimum(rows, ridge):
    z, y = rows
    exact, exact_intercept = solve_exact(z, y, ridge)
    found, intercept, history = solve_iterative(z, y, ridge, epochs=1500, lr=0.02)
    np.testing.assert_allclose(z @ found + intercept, z @ exact + exact_intercept, atol=1e-4)
    error = np.square(z @ exact + exact_intercept - y).mean()
    assert history[-1]["train_mse"] == pytest.approx(error, rel=1e-6)
    assert history[0]["train_mse"] > error


def test_a_unit_that_hardly_moved_cannot_run_away():
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(80, 5)), rng.normal(size=80)
    z[:, 4] = 0
    z[0, 4] = 1e-3  # one video moved it a little
    weights, _ = solve_exact(z, y, 0.01)
    assert abs(weights[4]) < 0.1


def test_more_activations_than_rows_stay_finite():
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(8, 64)), rng.normal(size=8)
    weights, intercept = solve_exact(z, y, 0)
    np.testing.assert_allclose(z @ weights + intercept, y)
    assert np.linalg.norm(weights) < 5


def test_ridge_is_chosen_by_folds_of_whole_groups(rows):
    z, y = rows
    groups = np.repeat(np.arange(30), 4)
    assert choose_ridge(z, y, groups) in RIDGES
    noise = np.random.default_rng(2).normal(size=120)
    assert choose_ridge(z, noise, groups) == RIDGES[-1]


def naive_choice(z, y, groups, folds):
    """Every ridge on every fold by hand; the penalty is relative to rows and variance."""
    errors = dict.fromkeys(RIDGES, 0.0)
    for ridge in RIDGES:
        for k in range(folds):
            held = groups % folds == k
            kept = z[~held]
            model = Ridge(ridge * len(kept) * kept.var(axis=0).mean()).fit(kept, y[~held])
            errors[ridge] += np.square(model.predict(z[held]) - y[held]).sum()
    return min(errors, key=errors.get)


@pytest.mark.parametrize("seed", range(40))
def test_the_choice_is_that_of_the_naive_loop(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice(11, 60, p=[0.5, *[0.05] * 10])  # folds of very different sizes
    z = rng.normal(size=(60, 20))
    y = z @ rng.normal(size=20) * rng.choice([0.1, 0.3, 1.0]) + rng.normal(size=60)
    assert choose_ridge(z, y, groups) == naive_choice(z, y, groups, 5)


def test_rows_of_one_group_do_not_tell_each_others_targets():
    """Four copies of each of 30 videos, whose targets are noise: copies in two folds would tell."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(30), 4)
    z = rng.normal(size=(30, 40))[groups]
    y = rng.normal(size=30)[groups]
    by_rows = choose_ridge(z, y, np.arange(120))
    assert by_rows == RIDGES[0]
    assert choose_ridge(z, y, groups) >= 1.0


def test_a_single_group_takes_the_strongest_ridge(rows):
    assert choose_ridge(*rows, np.zeros(120, int)) == RIDGES[-1]


def test_dead_activations_predict_the_mean():
    weights, intercept = solve_exact(np.zeros((5, 3)), np.arange(5.0), 0.1)
    np.testing.assert_allclose(weights, 0, atol=1e-12)
    assert intercept == pytest.approx(2.0)

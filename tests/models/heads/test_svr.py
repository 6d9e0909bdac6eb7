from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from aqa.metrics import spearman
from aqa.models.heads.base.vector_svr import VectorSVR
from aqa.models.heads.svr import SVRHead


@pytest.fixture
def data(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
    x = [rng.normal(size=(rng.integers(2, 5), 12)) + rng.normal(size=12) for _ in range(50)]
    y = np.array([50 + 9 * np.sin(s.mean(0)[0]) + s.mean(0)[1] for s in x])
    return x, y


def test_it_is_scikit_learns_search_and_model(data: tuple) -> None:
    x, y = data
    averages = np.stack([np.float32(s).mean(0, dtype=float) for s in x])
    head = SVRHead(seed=2).fit(x, y)
    target = (y - y.mean()) / y.std()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SVR()),
        {
            "svr__C": VectorSVR.GRID["C"],
            "svr__epsilon": VectorSVR.GRID["epsilon"],
            "svr__gamma": [gamma / 12 for gamma in VectorSVR.GRID["gamma"]],
        },
        cv=KFold(5, shuffle=True, random_state=2),
        scoring="neg_mean_squared_error",
    ).fit(averages, target)
    assert head.best_params_["C"] == search.best_params_["svr__C"]
    assert head.best_params_["gamma"] == pytest.approx(12 * search.best_params_["svr__gamma"])
    expected = search.predict(averages) * y.std() + y.mean()
    np.testing.assert_allclose(head.predict(x), expected, rtol=1e-9)
    # Every combination, so closely that a scaler fitted on more than a fold's videos shows.
    tried = {
        (p["svr__C"], p["svr__epsilon"], round(12 * p["svr__gamma"], 9)): -score * y.var()
        for p, score in zip(
            search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
        )
    }
    assert len(head.history_) == len(tried) == 4 * 3 * 4
    for row in head.history_:
        found = tried[row["C"], row["epsilon"], round(row["gamma"], 9)]
        assert row["cv_mse"] == pytest.approx(found, rel=1e-9)


@pytest.mark.parametrize("params", [{"kernel": "linear"}, {"normalise": "l2"}])
def test_variants(data: tuple, params: dict) -> None:
    x, y = data
    assert spearman(y, SVRHead(**params).fit(x, y).predict(x)) > 0.6


def test_given_values_are_not_searched(data: tuple) -> None:
    head = SVRHead(C=2.0, epsilon=0.2, gamma=0.5).fit(*data)
    assert head.best_params_ == {"C": 2.0, "epsilon": 0.2, "gamma": 0.5}
    assert len(head.history_) == 1


def test_the_published_split_of_unlv_dive(shared: Path) -> None:
    """Real P3D features; a plain fit gives Spearman 0.81 there."""
    folder = shared / "data" / "unlv-dive-p3d"
    with (folder / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    x = np.load(folder / "features.npy")[:, None]
    y = np.array([float(row["score"]) for row in rows])
    train = np.array([row["split"] == "train" for row in rows])
    head = SVRHead().fit(list(x[train]), y[train])
    assert spearman(y[~train], head.predict(list(x[~train]))) == pytest.approx(0.806, abs=0.01)

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from aqa.evaluation.pair_metrics import measure_pairs
from aqa.evaluation.resampling import resample_counts
from aqa.models.pairs import make_pairs


@pytest.fixture
def evaluated():
    rng = np.random.default_rng(0)
    pairs = make_pairs(rng.uniform(0, 20, 25), 5.0).both_orders()
    chance = np.clip(0.3 + 0.3 * pairs.similar + rng.normal(scale=0.25, size=600), 0, 1).round(2)
    return pairs, chance


def test_pairs_as_scikit_learn_evaluates_them(evaluated):
    pairs, chance = evaluated
    found = measure_pairs(pairs, chance, resamples=50).to_dict()
    said = chance >= 0.5
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(pairs.similar, said))
    balanced = metrics.balanced_accuracy_score(pairs.similar, said)
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(pairs.similar, chance))
    assert found["n"] == found["similar"] + found["dissimilar"] == 600
    for name in ("accuracy", "balanced_accuracy", "roc_auc"):
        low, high = found[f"{name}_interval"]
        assert low < found[name] < high


def test_intervals_draw_videos_and_are_wider_than_of_independent_pairs(evaluated):
    pairs, _ = evaluated
    wrong_video = (pairs.first < 4) | (pairs.second < 4)
    chance = np.where(pairs.similar ^ wrong_video, 0.9, 0.1)
    low, high = measure_pairs(pairs, chance).intervals["accuracy"]
    share = 1 - wrong_video.mean()
    naive = 2 * 1.96 * np.sqrt(share * (1 - share) / len(chance))
    assert high - low > 2 * naive


def test_one_kind_of_pairs_only_has_no_area():
    pairs = make_pairs(np.array([1.0, 2.0, 3.0]), 5.0)
    found = measure_pairs(pairs, np.array([0.9, 0.8, 0.2]), resamples=20).to_dict()
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] is None
    assert found["roc_auc"] is None
    assert found["roc_auc_interval"] is None


def test_a_pair_is_drawn_as_often_as_both_of_its_videos(evaluated):
    pairs, chance = evaluated
    found = measure_pairs(pairs, chance, resamples=40, seed=7)
    right = (chance >= 0.5) == pairs.similar
    samples = []
    for count in next(resample_counts(25, 40, 7)):
        weight = [count[a] * count[b] for a, b in zip(pairs.first, pairs.second, strict=True)]
        samples.append(np.average(right, weights=weight))
    np.testing.assert_allclose(found.intervals["accuracy"], np.quantile(samples, [0.025, 0.975]))


def test_many_pairs_are_resampled_in_steps(evaluated, monkeypatch):
    pairs, chance = evaluated
    expected = measure_pairs(pairs, chance, resamples=40)
    monkeypatch.setattr("aqa.evaluation.pair_metrics._WEIGHTS", 5000)
    assert measure_pairs(pairs, chance, resamples=40) == expected

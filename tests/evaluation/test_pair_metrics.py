from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from aqa.evaluation.metrics import report_feedback, report_pairs
from aqa.models.pairs import make_pairs


@pytest.fixture
def evaluated():
    rng = np.random.default_rng(0)
    pairs = make_pairs(rng.uniform(0, 20, 25), 5.0).both_orders()
    chance = np.clip(0.3 + 0.3 * pairs.similar + rng.normal(scale=0.25, size=600), 0, 1).round(2)
    return pairs, chance


def test_pairs_as_scikit_learn_judges_them(evaluated):
    pairs, chance = evaluated
    found = report_pairs(pairs, chance, resamples=50)
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
    low, high = report_pairs(pairs, chance)["accuracy_interval"]
    share = 1 - wrong_video.mean()
    naive = 2 * 1.96 * np.sqrt(share * (1 - share) / len(chance))
    assert high - low > 2 * naive


def test_one_kind_of_pairs_only_has_no_area():
    pairs = make_pairs(np.array([1.0, 2.0, 3.0]), 5.0)
    found = report_pairs(pairs, np.array([0.9, 0.8, 0.2]), resamples=20)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] is None
    assert found["roc_auc"] is None
    assert found["roc_auc_interval"] is None


def test_feedback_as_scikit_learn_judges_it():
    rng = np.random.default_rng(1)
    truth = [rng.random(int(n)) < 0.3 for n in rng.integers(3, 9, 40)]
    said = [t ^ (rng.random(len(t)) < 0.2) for t in truth]
    found = report_feedback(truth, said, resamples=200)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        np.concatenate(truth), np.concatenate(said), average="binary"
    )
    assert (found["precision"], found["recall"], found["f1"]) == pytest.approx(
        (precision, recall, f1)
    )
    assert found["n"] == 40
    assert found["clips"] == sum(map(len, truth))
    assert found["precision_interval"][0] < precision < found["precision_interval"][1]


def test_feedback_that_never_blames_has_no_precision():
    found = report_feedback([np.array([True, False])], [np.array([False, False])], resamples=20)
    assert found["precision"] is None
    assert found["recall"] == 0
    assert found["f1"] == 0

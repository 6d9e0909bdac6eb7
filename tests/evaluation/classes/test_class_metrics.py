"""Metrics of two classes against scikit-learn's, and intervals that hold for few videos."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from aqa.evaluation.classes.intervals import (
    auc_interval,
    balanced_interval,
    f1_interval,
    share_interval,
)
from aqa.evaluation.classes.metrics import measure_classes

GOOD = np.array([True, True, True, False, False, False, False, True])
MARGIN = np.array([0.4, 0.1, -0.2, -0.3, 0.2, -0.1, -0.6, 0.0])


def test_values_are_those_of_scikit_learn() -> None:
    found = measure_classes(GOOD, MARGIN)
    said = MARGIN >= 0
    assert found.values == pytest.approx(
        {
            "accuracy": accuracy_score(GOOD, said),
            "balanced_accuracy": balanced_accuracy_score(GOOD, said),
            "f1": f1_score(GOOD, said),
            "roc_auc": roc_auc_score(GOOD, MARGIN),
        }
    )
    assert found.values["accuracy"] == pytest.approx(6 / 8)
    assert (found.n, found.counts["good"], found.counts["bad"]) == (8, 4, 4)
    assert found.counts["chance"] == 0.5


def test_the_accuracy_has_the_exact_interval() -> None:
    found = measure_classes(GOOD, MARGIN).intervals["accuracy"]
    low, high = scipy.stats.beta.ppf([0.025, 0.975], [6, 7], [3, 2])
    assert found == pytest.approx([low, high])
    assert share_interval(10, 10) == pytest.approx([0.025**0.1, 1.0])
    assert share_interval(0, 0) is None


def test_the_interval_of_f1_is_that_of_a_share_told_as_f1() -> None:
    low, high = share_interval(6, 8)
    assert f1_interval(6, 2) == pytest.approx([2 * low / (1 + low), 2 * high / (1 + high)])
    assert low < 6 / 8 < high
    assert f1_interval(0, 0) is None


def test_the_balanced_accuracy_of_two_equal_classes_is_surer_than_either_share() -> None:
    low, high = balanced_interval(8, 10, 8, 10)
    one = share_interval(8, 10)
    assert one[0] < low < 0.8 < high < one[1]
    assert low == pytest.approx(0.8 - (0.8 - one[0]) / np.sqrt(2))
    assert balanced_interval(5, 5, 5, 5)[0] < 0.8
    assert balanced_interval(0, 0, 5, 5) is None


def test_a_perfect_auc_of_few_videos_is_not_called_sure() -> None:
    low, high = auc_interval(1.0, 5, 5)
    assert (low, high) == (pytest.approx(0.643, abs=0.001), 1.0)
    assert auc_interval(0.0, 5, 5) == pytest.approx([0.0, 1 - low])
    assert auc_interval(1.0, 100, 100)[0] > 0.95


@pytest.mark.parametrize("auc", [0.5, 0.7, 0.96])
def test_the_interval_of_an_auc_ends_where_the_variance_says(auc: float) -> None:
    z, n = scipy.stats.norm.ppf(0.975), 19  # (15 + 25) / 2 - 1
    for end in auc_interval(auc, 15, 25):
        spread = (1 - end) / (2 - end) + end / (1 + end)
        variance = end * (1 - end) * (1 + n * spread) / (15 * 25)
        assert abs(auc - end) == pytest.approx(z * np.sqrt(variance))


@pytest.mark.parametrize(
    ("bad", "good", "auc"), [(5, 5, 0.5), (5, 5, 0.95), (11, 12, 0.8), (10, 40, 0.95)]
)
def test_intervals_of_an_auc_hold_it_nearly_as_often_as_they_say(
    bad: int, good: int, auc: float
) -> None:
    rng = np.random.default_rng(0)
    ahead = scipy.stats.norm.ppf(auc) * np.sqrt(2)
    held = 0
    for _ in range(300):
        better, worse = rng.normal(ahead, 1, good), rng.normal(0, 1, bad)
        low, high = auc_interval(float((better[:, None] > worse).mean()), bad, good)
        held += low <= auc <= high
    assert held / 300 > 0.91


def test_it_is_said_which_intervals_hold_chance() -> None:
    assert measure_classes(GOOD, MARGIN).counts["contains_chance"] == [
        *("accuracy", "balanced_accuracy", "roc_auc")
    ]
    sure = measure_classes(np.repeat(GOOD, 20), np.repeat(MARGIN, 20))
    assert sure.counts["contains_chance"] == []
    rare = measure_classes(np.arange(50) < 5, np.full(50, -1.0))  # chance is to call all bad
    assert rare.counts["chance"] == 0.9
    assert rare.counts["contains_chance"] == ["accuracy", "balanced_accuracy", "roc_auc"]


def test_what_takes_both_classes_is_unknown_of_one() -> None:
    found = measure_classes(np.zeros(3, bool), np.array([-1.0, -1.0, -2.0]))
    assert found.values == {"accuracy": 1.0, "balanced_accuracy": None, "f1": None, "roc_auc": None}
    assert found.intervals["roc_auc"] is None
    assert found.intervals["accuracy"] == pytest.approx([0.025 ** (1 / 3), 1.0])


def test_training_videos_get_no_intervals() -> None:
    found = measure_classes(GOOD, MARGIN, intervals=False)
    assert set(found.intervals.values()) == {None}
    assert "contains_chance" not in found.counts

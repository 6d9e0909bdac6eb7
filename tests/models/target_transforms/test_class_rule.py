"""The threshold by which answers are read as classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from aqa.annotations.two_classes import TwoClasses
from aqa.models.target_transforms.class_rule import ClassRule, best_threshold


def test_classes_that_can_be_parted_are_parted_in_the_middle() -> None:
    good = np.array([False, False, True, True])
    assert best_threshold(good, np.array([0.1, 0.2, 0.4, 0.9])) == pytest.approx(0.3)


def test_no_other_threshold_has_a_higher_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        good = rng.permutation(np.arange(30) < 8)
        answers = np.round(rng.normal(0.3 * good, 0.3), 1)
        best = balanced_accuracy_score(good, answers >= best_threshold(good, answers))
        tried = [balanced_accuracy_score(good, answers >= t) for t in np.unique(answers)]
        assert best == pytest.approx(max(tried))


def test_of_equally_good_thresholds_the_one_next_to_the_middle_is_taken() -> None:
    good = np.array([False, True, False, True])
    assert best_threshold(good, np.array([0.1, 0.5, 0.6, 0.9])) == pytest.approx(0.3)
    assert best_threshold(good, np.array([0.1, 0.3, 0.4, 0.9])) == pytest.approx(0.65)


def test_answers_that_tell_nothing_are_parted_in_the_middle_of_the_scale() -> None:
    good = np.array([True, True, False, False])
    assert best_threshold(good, np.full(4, 0.2)) == 0.5
    assert best_threshold(good, np.array([0.1, 0.2, 0.3, 0.4])) == 0.5


def test_a_rule_comes_back_from_its_record() -> None:
    rule = ClassRule(TwoClasses("label", "bad", "good"), "score", 0.4)
    assert ClassRule.of({"classes": rule.to_dict()}) == rule
    assert ClassRule.of({}) is None
    assert [rule.label(margin) for margin in rule.margin(np.array([0.4, 0.39]))] == ["good", "bad"]

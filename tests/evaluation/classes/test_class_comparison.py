"""Heads that tell two classes, compared on the same videos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from aqa.errors import RunError, WrongUsageError
from aqa.evaluation.classes.intervals import share_interval
from aqa.evaluation.compare import compare
from aqa.evaluation.paired_tests import coins, mcnemar_p, permutation_p, swapped_classes
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Marks

N = 40
GOOD = (np.arange(N) % 5 < 2).astype(float)


def _head(seed: int, strength: float, kind: str = "classes") -> Predictions:
    rng = np.random.default_rng(seed)
    margin = np.round(rng.normal(strength * (GOOD - 0.5), 1), 1)
    ids = tuple(f"{i:02}" for i in range(N))
    return Predictions(Path(f"runs/{seed}"), ids, GOOD, margin, 80, Marks(), kind)


def test_values_are_those_of_scikit_learn() -> None:
    one = _head(0, 2.0)
    theirs = {
        "accuracy": accuracy_score(GOOD, one.predicted >= 0),
        "balanced_accuracy": balanced_accuracy_score(GOOD, one.predicted >= 0),
        "f1": f1_score(GOOD, one.predicted >= 0),
        "roc_auc": roc_auc_score(GOOD, one.predicted),
    }
    for metric, expected in theirs.items():
        found = compare({"a": {"1": one}, "b": {"1": _head(1, 0.1)}}, metric, permutations=99)
        assert found.heads["a"].value == pytest.approx(expected)
        assert found.kind == "classes"
    assert compare({"a": {"1": one}, "b": {"1": one}}, permutations=9).metric == "balanced_accuracy"


def test_accuracies_on_one_split_are_compared_by_mcnemars_exact_test() -> None:
    one, other = _head(0, 3.0), _head(1, 0.5)
    right = [(h.predicted >= 0) == (GOOD > 0.5) for h in (one, other)]
    ahead, behind = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    expected = scipy.stats.binomtest(ahead, ahead + behind).pvalue
    (pair,) = compare({"a": {"1": one}, "b": {"1": other}}, "accuracy", permutations=9).pairs
    assert pair.p_videos == pytest.approx(expected)
    assert mcnemar_p(one, one) == 1.0
    drawn = np.concatenate(list(coins(N, 9999, 0)))
    permuted = swapped_classes(one, other, "accuracy")(drawn)
    assert permutation_p((ahead - behind) / N, permuted) == pytest.approx(expected, abs=0.02)


def test_the_accuracy_of_one_split_has_the_interval_of_aqa_eval() -> None:
    one = _head(0, 3.0)
    found = compare({"a": {"1": one}, "b": {"1": _head(1, 0.5)}}, "accuracy", permutations=9)
    right = int(((one.predicted >= 0) == (GOOD > 0.5)).sum())
    assert found.heads["a"].interval == pytest.approx(share_interval(right, N))


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1", "roc_auc"])
def test_answers_that_change_places_are_those_of_the_other_head(metric: str) -> None:
    one, other = _head(0, 2.0), _head(1, 0.5)
    swap = np.zeros((3, N))
    swap[1], swap[2, ::2] = 1.0, 1.0
    found = swapped_classes(one, other, metric)(swap)
    assert found[0] == pytest.approx(-found[1])
    function = {
        "balanced_accuracy": lambda m: balanced_accuracy_score(GOOD, m >= 0),
        "f1": lambda m: f1_score(GOOD, m >= 0),
        "roc_auc": lambda m: roc_auc_score(GOOD, m),
    }[metric]
    a, b = one.predicted, other.predicted
    if metric == "roc_auc":
        a, b = scipy.stats.rankdata(a), scipy.stats.rankdata(b)
    mixed = np.where(swap[2] == 1, b, a), np.where(swap[2] == 1, a, b)
    assert found[2] == pytest.approx(function(mixed[0]) - function(mixed[1]))


def test_classes_are_not_compared_with_scores_or_by_correlations() -> None:
    one, scores = _head(0, 2.0), _head(1, 2.0, "scores")
    with pytest.raises(RunError, match="one tells classes, the other scores"):
        compare({"a": {"1": one}, "b": {"1": scores}})
    with pytest.raises(WrongUsageError, match="--metric spearman is none of classes"):
        compare({"a": {"1": one}, "b": {"1": one}}, "spearman")
    with pytest.raises(WrongUsageError, match="--metric f1 is none of scores"):
        compare({"a": {"1": scores}, "b": {"1": scores}}, "f1")

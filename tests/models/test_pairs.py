from __future__ import annotations

import csv
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from aqa.models.pairs import make_pairs, meant_similarity, plan_steps


def test_pairs_are_those_of_the_naive_loop():
    rng = np.random.default_rng(0)
    scores, types = rng.uniform(0, 20, 30), rng.choice(list("abc"), 30)
    pairs = make_pairs(scores, 5.0, types)
    expected = [
        (i, j, abs(scores[i] - scores[j]) < 5)
        for i, j in combinations(range(30), 2)
        if types[i] == types[j]
    ]
    assert list(zip(*(column.tolist() for column in pairs), strict=True)) == expected
    assert pairs.counts()["similar"] == sum(similar for *_, similar in expected)


def test_a_difference_of_exactly_the_threshold_is_dissimilar():
    assert make_pairs(np.array([10.0, 15.0, 19.9]), 5.0).similar.tolist() == [False, False, True]


def test_both_orders_turn_every_pair_round():
    both = make_pairs(np.array([1.0, 2.0, 9.0]), 5.0).both_orders()
    assert both.first.tolist() == [0, 0, 1, 1, 2, 2]
    assert both.second.tolist() == [1, 2, 2, 0, 0, 1]
    assert both.similar.tolist() == [True, False, False] * 2


def test_the_similarity_meant_of_an_exemplars_pairs_is_that_of_the_naive_loop():
    rng = np.random.default_rng(1)
    scores, types = np.round(rng.uniform(0, 20, 30)), rng.choice(list("abc"), 30)
    limits, learned = rng.choice([4.0, 5.0], 30), rng.uniform(size=30) < 0.7
    pairs = make_pairs(scores, limits).both_orders()
    found = meant_similarity(pairs, scores, limits, types, learned)
    for i, j, meant in zip(pairs.first, pairs.second, found, strict=True):
        best = max(
            s for s, t, own in zip(scores, types, learned, strict=True) if own and t == types[i]
        )
        if learned[i] and best - scores[i] < limits[i] and types[i] == types[j]:
            lost = max(scores[i] - scores[j], 0)
            assert meant == pytest.approx(0.5 ** (lost / min(limits[i], limits[j])))
        else:
            assert np.isnan(meant)
    assert np.isfinite(found).sum() >= 27
    assert 1.0 in found  # of ties, and of videos held out that are better


def test_one_video_has_no_pairs():
    assert make_pairs(np.array([1.0]), 5.0).counts() == {"similar": 0, "dissimilar": 0}


@pytest.mark.parametrize("size", [2, 3, 7, 58, 200])
@pytest.mark.parametrize("within", [True, False])
def test_steps_hold_every_pair_once_and_few_videos(size, within):
    rng = np.random.default_rng(size)
    types = rng.integers(0, 4, 60)
    pairs = make_pairs(rng.uniform(0, 50, 60), 5.0, types.astype(str) if within else None)
    order = rng.permutation(60)
    order = order[np.argsort(types[order], kind="stable")]
    steps = plan_steps(pairs.first, pairs.second, order, size, rng)
    dealt = np.concatenate(steps)
    assert sorted(dealt.tolist()) == list(range(len(pairs.first)))
    for step in steps:
        assert len(np.unique([pairs.first[step], pairs.second[step]])) <= max(size, 2)


def test_videos_of_one_type_are_embedded_about_once():
    types = np.repeat(np.arange(6), 29)
    pairs = make_pairs(np.linspace(0, 90, 174), 5.0, types.astype(str))
    steps = plan_steps(pairs.first, pairs.second, np.arange(174), 58)
    embedded = sum(len(np.unique([pairs.first[s], pairs.second[s]])) for s in steps)
    assert len(steps) == 3
    assert embedded == 174


def test_no_pairs_are_no_steps():
    none = np.array([], np.intp)
    assert plan_steps(none, none, np.arange(5), 4) == []


class TestRealLabels:
    """The counts of the project's paper sheet, 4.1a."""

    @pytest.fixture
    def dives(self, shared):
        with (shared / "data/unlv-dive-p3d/videos.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["rotation_type"]]
        kinds = ("armstand", "rotation_type", "ss_no", "tw_no")
        return [
            ("-".join([*(row[k] for k in kinds), self.position(row)]), float(row["score"]))
            for row in rows
        ]

    def position(self, row):
        return "" if row["armstand"] == "1" else row["position"]

    def count(self, dives, types):
        own = [(kind, score) for kind, score in dives if kind in types]
        labels, scores = zip(*own, strict=True)
        counts = make_pairs(np.array(scores), 5.0, labels).counts()
        return sum(counts.values()), counts["similar"]

    def test_three_most_frequent_types(self, dives):
        frequent = [kind for kind, _ in Counter(kind for kind, _ in dives).most_common(3)]
        assert self.count(dives, frequent) == (4132, 1351)

    def test_types_1_to_3_of_table_iii(self, dives):
        table = ["0-2-7-0-2", "0-0-7-0-1", "0-3-7-0-2"]
        assert self.count(dives, table) == (3607, 1210)


def test_of_two_thresholds_the_smaller_counts():
    scores, limits = np.array([0.0, 4.0, 8.0]), np.array([5.0, 3.0, 9.0])
    pairs = make_pairs(scores, limits)
    expected = {(0, 1): False, (0, 2): False, (1, 2): False}
    assert dict(zip(zip(*pairs[:2], strict=True), pairs.similar, strict=True)) == expected
    assert make_pairs(scores, np.full(3, 5.0)).similar.tolist() == [True, False, True]

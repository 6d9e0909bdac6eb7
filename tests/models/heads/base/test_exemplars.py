from __future__ import annotations

import numpy as np
import pytest

from aqa.models.heads.base.exemplars import (
    choose_exemplars,
    choose_spares,
    exemplars_of,
    meaning_of_clips,
    without_themselves,
)

SCORES = np.array([90.0, 80, 95, 95, 20, 30, 50])
TYPES = ["A", "A", "B", "B", "B", "A", "C"]


@pytest.mark.parametrize(
    ("worst", "count", "expected"),
    [
        (False, 1, {"A": [1], "B": [], "C": []}),  # of two that tie, each is the other's exemplar
        (False, 2, {"A": [5], "B": [4], "C": []}),
        (True, 1, {"A": [1], "B": [2, 3], "C": []}),
        (False, 9, {"A": [], "B": [], "C": []}),
    ],
)
def test_the_next_best_of_a_type_is_spare(worst, count, expected):
    chosen = choose_exemplars(SCORES, TYPES, worst=worst, count=count)
    spares = choose_spares(SCORES, TYPES, chosen, worst=worst, count=count)
    assert {label: own.tolist() for label, own in spares.items()} == expected


def rows_of(videos):
    """Which exemplars these videos, of those above, meet by the default; by their numbers."""
    numbers, labels, spare = exemplars_of(
        SCORES, TYPES, worst=False, count=1, constant=None, spares=True
    )
    features = [np.full((2, 3), score) for score in SCORES]
    shown = np.flatnonzero(~spare)
    first, second = [], []
    for place, video in enumerate(videos):
        own = [e for e in shown if labels[e] == TYPES[video]]
        first += own
        second += [place] * len(own)
    rows = without_themselves(
        np.array(first),
        np.array(second),
        [features[v] for v in videos],
        [features[n] for n in numbers],
        labels,
        spare,
    )
    return [(int(numbers[e]), videos[v]) for e, v in zip(*rows, strict=True)]


def test_a_video_meets_the_next_best_and_never_itself():
    assert rows_of([1, 5]) == [(0, 1), (0, 5)]
    assert rows_of([0]) == [(1, 0)]
    # Features of 2 and 3, which tie, are the same here: they count as one video.
    assert rows_of([4]) == [(2, 4), (3, 4)]


def test_alone_with_its_type_it_meets_the_exemplars_of_all():
    assert rows_of([6]) == [(0, 6), (2, 6), (3, 6)]


def test_a_comparison_is_claimed_only_where_the_exemplar_matters():
    assert meaning_of_clips([0.2, 0.1], True) == "similarity to the exemplar"
    assert meaning_of_clips([], True) == "similarity to the exemplar"
    assert "not compared: exemplars of other types change it by 0.013" in meaning_of_clips(
        [0.011, 0.015], True
    )
    assert "as good as chance" in meaning_of_clips([0.2], False)

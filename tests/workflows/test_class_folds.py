"""The folds by which a threshold between two classes is chosen."""

from __future__ import annotations

import numpy as np

from aqa.workflows.classes import FOLDS, _folds


def test_each_fold_learns_from_both_classes_and_shares_no_group() -> None:
    good = np.arange(40) % 3 == 0
    groups = np.arange(40) // 4
    folds = _folds(good, [groups], 0)
    assert len(folds) == FOLDS
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == [*range(40)]
    for kept, held in folds:
        assert {*groups[kept]}.isdisjoint(groups[held])
        assert {*good[kept]} == {False, True}


def test_groups_are_given_up_where_a_fold_would_learn_from_one_class() -> None:
    good = np.arange(40) < 20
    groups = np.where(good, 0, np.arange(40))  # whoever is good is one athlete
    assert all({*good[kept]} == {False, True} for kept, _ in _folds(good, [groups], 0))


def test_where_all_columns_make_too_few_groups_the_first_of_them_are_kept_apart() -> None:
    good = np.arange(40) % 3 == 0
    athletes, events = np.arange(40) // 4, np.zeros(40, int)
    for kept, held in _folds(good, [events, athletes], 0):
        assert {*athletes[kept]}.isdisjoint(athletes[held])


def test_without_groups_they_are_those_of_before() -> None:
    good = np.arange(20) % 2 == 0
    found = _folds(good, [np.arange(20)], 1)
    assert [held[:2].tolist() for _, held in found] == [
        held[:2].tolist() for _, held in _folds(good, [], 1)
    ]

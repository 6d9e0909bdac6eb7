from __future__ import annotations

import pytest

from aqa.annotations.split_drawing import (
    balanced_splits,
    grouped_kfold_splits,
    grouped_splits,
    kfold_splits,
    leave_one_out,
    random_splits,
    with_validation,
)
from aqa.annotations.splits import Split, shared_labels
from aqa.errors import AqaError

IDS = [f"v{i}" for i in range(40)]
TYPES = ["a"] * 20 + ["b"] * 16 + ["c"] * 4


def test_random_splits_are_complete_stratified_and_seeded() -> None:
    splits = random_splits(IDS, n=5, test=0.25, seed=3, strata=TYPES)
    assert [split.name for split in splits] == ["1", "2", "3", "4", "5"]
    assert len({split.test for split in splits}) == 5
    for split in splits:
        assert sorted(split.train + split.test) == sorted(IDS)
        counts = [sum(TYPES[IDS.index(i)] == t for i in split.test) for t in "abc"]
        assert counts == [5, 4, 1]
    assert splits == random_splits(IDS, n=5, test=0.25, seed=3, strata=TYPES)
    assert splits[:2] == random_splits(IDS, n=2, test=0.25, seed=3, strata=TYPES)
    assert splits != random_splits(IDS, n=5, test=0.25, seed=4, strata=TYPES)


def test_a_type_of_one_video_is_never_tested_only() -> None:
    (split,) = random_splits(IDS[:5], n=1, test=0.5, seed=0, strata=["a"] * 4 + ["b"])
    assert "v4" in split.train


@pytest.mark.parametrize("test", [0.0, 1.0, 2.5, -0.1])
def test_the_share_is_checked(test: float) -> None:
    with pytest.raises(AqaError, match="share"):
        random_splits(IDS, n=1, test=test, seed=0)


def test_balanced_splits_test_as_many_of_each_kind() -> None:
    splits = balanced_splits(IDS, TYPES, n=3, test=5, kinds=2, seed=1)
    assert [split.name for split in splits] == ["1", "2", "3"]
    assert len({split.test for split in splits}) == 3
    for split in splits:
        counts = [sum(TYPES[IDS.index(i)] == t for i in split.test) for t in "abc"]
        assert counts == [5, 5, 0]
        assert sorted(split.train + split.test) == sorted(IDS[:36])
    assert splits == balanced_splits(IDS, TYPES, n=3, test=5, kinds=2, seed=1)


def test_balanced_splits_leave_videos_to_train_on() -> None:
    with pytest.raises(AqaError, match=r"4 videos of 'c', too few to test 4"):
        balanced_splits(IDS, TYPES, test=4, kinds=3)
    with pytest.raises(AqaError, match="3 labels for 40 videos"):
        balanced_splits(IDS, TYPES[:3])


def test_a_count_is_met_exactly_and_divided_by_strata() -> None:
    for test in (1, 7, 37):
        (split,) = random_splits(IDS, n=1, test=test, seed=0, strata=TYPES)
        assert len(split.test) == test
        counts = [sum(TYPES[IDS.index(i)] == t for i in split.test) for t in "abc"]
        room = [19, 15, 3]  # each stratum keeps one
        exact = [test * r / sum(room) for r in room]
        assert all(abs(count - e) < 1 for count, e in zip(counts, exact, strict=True))
    with pytest.raises(AqaError, match="at most 37"):
        random_splits(IDS, n=1, test=38, seed=0, strata=TYPES)


def reachable(groups: list[tuple[str, ...]], start: int) -> set[int]:
    """The videos that shared labels join to one, by walking."""
    found, queue = {start}, [start]
    while queue:
        here = queue.pop()
        for i, own in enumerate(groups):
            if i not in found and any(a == b for a, b in zip(own, groups[here], strict=True)):
                found.add(i)
                queue.append(i)
    return found


def test_grouped_splits_keep_everything_joined_together() -> None:
    # Events 0-7 of five videos; athletes join events 0 and 1, and 6 and 7. A label of one column
    # that reads like one of the other joins nothing.
    groups = [(str(i // 5), {4: "x", 5: "x", 32: "y", 37: "y"}.get(i, f"n{i}")) for i in range(40)]
    groups[20] = ("4", "3")
    splits = grouped_splits(IDS, groups, n=20, test=0.25, seed=0)
    tests = [{IDS.index(i) for i in split.test} for split in splits]
    for split, tested in zip(splits, tests, strict=True):
        assert sorted(split.train + split.test) == sorted(IDS)
        assert all(reachable(groups, i) <= tested for i in tested)
        assert len(tested) == 10
        for column in (0, 1):
            labels = {i: own[column] for i, own in zip(IDS, groups, strict=True)}
            assert shared_labels(split, labels) == (set(), ())
    assert len(set(map(frozenset, tests))) > 5
    assert splits == grouped_splits(IDS, groups, n=20, test=0.25, seed=0)


def test_groups_larger_than_the_part_still_leave_both() -> None:
    groups = [("big",)] * 30 + [("small",)] * 10
    (split,) = grouped_splits(IDS, groups, n=1, test=2, seed=0)
    assert split.test == tuple(IDS[30:])


def test_leave_one_out_tests_each_label_once() -> None:
    splits = leave_one_out(IDS, TYPES)
    assert [split.name for split in splits] == ["a", "b", "c"]
    assert splits[1].test == tuple(IDS[20:36])
    assert splits[1].train == tuple(IDS[:20] + IDS[36:])


def test_validation_comes_from_training_and_keeps_groups_apart() -> None:
    groups = [(str(i // 5),) for i in range(40)]
    splits = grouped_splits(IDS, groups, n=3, test=0.25, seed=0)
    for split, drawn in zip(
        with_validation(splits, IDS, groups, val=0.25, seed=0, grouped=True), splits, strict=True
    ):
        assert split.test == drawn.test
        assert sorted(split.train + split.val) == sorted(drawn.train)
        events = {groups[IDS.index(i)] for i in split.val}
        assert len(split.val) in (5, 10)
        assert not events & {groups[IDS.index(i)] for i in split.train}
    strata = [(label,) for label in TYPES]
    (held,) = with_validation([splits[0]], IDS, strata, val=6, seed=0, grouped=False)
    assert len(held.val) == 6


def test_balanced_splits_of_named_kinds() -> None:
    splits = balanced_splits(IDS, TYPES, n=1, test=2, kinds=("c", "a"))
    assert sorted(splits[0].train + splits[0].test) == sorted(IDS[:20] + IDS[36:])


def test_balanced_splits_keep_the_order_of_the_videos() -> None:
    (split,) = balanced_splits(IDS, TYPES, n=1, test=2, kinds=("c", "a"))
    assert list(split.train) == [i for i in IDS if i in split.train]
    assert list(split.test) == [i for i in IDS if i in split.test]


def test_balanced_splits_take_the_most_frequent_of_what_is_labelled() -> None:
    labels = [""] * 22 + ["rare"] * 6 + ["often"] * 12
    (split,) = balanced_splits(IDS, labels, n=1, test=3, kinds=1)
    assert sorted(split.train + split.test) == sorted(IDS[28:])
    (both,) = balanced_splits(IDS, labels, n=1, test=5, kinds=2)
    assert sorted(both.train + both.test) == sorted(IDS[22:])
    with pytest.raises(AqaError, match="2 kinds of videos where 3 are asked"):
        balanced_splits(IDS, labels, n=1, test=3, kinds=3)


@pytest.mark.parametrize("seed", range(5))
def test_validation_is_not_drawn_by_the_numbers_of_the_test_part(seed: int) -> None:
    """Drawn by the same stream, the validation part would follow from the test part."""
    drawn = random_splits(IDS, n=2, test=10, seed=seed)
    every = [Split(split.name, tuple(IDS)) for split in drawn]
    one_stratum = [("",)] * len(IDS)
    held = with_validation(every, IDS, one_stratum, val=10, seed=seed, grouped=False)
    for split, own in zip(drawn, held, strict=True):
        assert set(own.val) != set(split.test)
    assert set(held[0].val) != set(held[1].val)  # nor each split as the one before
    assert held == with_validation(every, IDS, one_stratum, val=10, seed=seed, grouped=False)
    other = with_validation(every, IDS, one_stratum, val=10, seed=seed + 1, grouped=False)
    assert held[0].val != other[0].val


def test_a_share_tests_one_of_a_small_stratum_and_leaves_one() -> None:
    small = ["a"] * 36 + ["b"] * 2 + ["c"] * 2
    (split,) = random_splits(IDS, n=1, test=0.05, seed=0, strata=small)
    assert [len({*split.test} & {*IDS[36:38]}), len({*split.test} & {*IDS[38:]})] == [1, 1]
    (most,) = random_splits(IDS, n=1, test=0.95, seed=0, strata=small)
    assert [len({*most.train} & {*IDS[36:38]}), len({*most.train} & {*IDS[38:]})] == [1, 1]


def test_a_counts_remainder_goes_where_most_of_it_is_owed() -> None:
    """7 of rooms of 19, 15 and 3: 3.59, 2.84 and 0.57."""
    (split,) = random_splits(IDS, n=1, test=7, seed=0, strata=TYPES)
    assert [sum(TYPES[IDS.index(i)] == t for i in split.test) for t in "abc"] == [4, 3, 0]


@pytest.mark.parametrize("test", [0, -1, 40, 41])
def test_a_count_leaves_videos_in_both_parts(test: int) -> None:
    with pytest.raises(AqaError, match=f"{test} videos cannot be drawn from 40: from 1 to 39 can"):
        random_splits(IDS, n=1, test=test, seed=0)
    (most,) = random_splits(IDS, n=1, test=39, seed=0)
    assert len(most.train) == 1


def test_a_group_that_comes_no_nearer_is_not_drawn() -> None:
    """Of 5 wanted, 10 are as far as none."""
    groups = [("big",)] * 10 + [("large",)] * 10 + [("fits",)] * 3 + [("rest",)] * 17
    for split in grouped_splits(IDS, groups, n=20, test=5, seed=0):
        assert split.test == tuple(IDS[20:23])


def test_one_group_at_least_is_left_to_train_on() -> None:
    groups = [("one",)] * 20 + [("other",)] * 20
    for split in grouped_splits(IDS, groups, n=5, test=39, seed=0):
        assert len(split.train) == len(split.test) == 20


@pytest.mark.parametrize("given", [3, 41])
def test_labels_for_other_videos_are_refused(given: int) -> None:
    labels = [f"l{i}" for i in range(given)]
    for draw in (
        lambda: random_splits(IDS, n=1, test=5, seed=0, strata=labels),
        lambda: grouped_splits(IDS, [(label,) for label in labels], n=1, test=5, seed=0),
        lambda: leave_one_out(IDS, labels),
        lambda: balanced_splits(IDS, labels, kinds=1, test=1),
    ):
        with pytest.raises(AqaError, match=f"{given} .* for 40 videos"):
            draw()


def test_splits_are_numbered_from_one_and_their_sizes_are_checked() -> None:
    groups = [(str(i // 4),) for i in range(40)]
    splits = grouped_splits(IDS, groups, n=3, test=0.25, seed=0)
    assert [split.name for split in splits] == ["1", "2", "3"]
    assert [len(split.test) for split in splits] == [8, 8, 8] or all(
        abs(len(split.test) - 10) <= 2 for split in splits
    )
    for wrong in (1.5, 0.0, 40, 0):
        with pytest.raises(AqaError, match=r"share|part of"):
            grouped_splits(IDS, groups, n=1, test=wrong, seed=0)
    assert len(balanced_splits(IDS, TYPES, test=2, kinds=2)) == 10


def test_two_groups_are_one_to_train_and_one_to_test() -> None:
    (split,) = grouped_splits(IDS, [("a",)] * 38 + [("b",)] * 2, n=1, test=0.9, seed=0)
    assert split.train
    assert split.test


@pytest.mark.parametrize("folds", [2, 5, 7, 40])
def test_folds_test_every_video_once(folds: int) -> None:
    splits = kfold_splits(IDS, folds=folds, seed=3, strata=TYPES)
    assert [split.name for split in splits] == [str(k) for k in range(1, folds + 1)]
    assert sorted(i for split in splits for i in split.test) == sorted(IDS)
    sizes = {len(split.test) for split in splits}
    assert max(sizes) - min(sizes) <= 1
    for split in splits:
        assert sorted(split.train + split.test) == sorted(IDS)
        for label in "abc":
            count = sum(TYPES[IDS.index(i)] == label for i in split.test)
            assert abs(count - TYPES.count(label) / folds) < 1
    assert splits == kfold_splits(IDS, folds=folds, seed=3, strata=TYPES)
    assert splits != kfold_splits(IDS, folds=folds, seed=4, strata=TYPES)


def test_grouped_folds_keep_groups_whole() -> None:
    groups = [(str(min(i // 3, 9)),) for i in range(40)]
    splits = grouped_kfold_splits(IDS, groups, folds=3, seed=1)
    labels = dict(zip(IDS, (group for (group,) in groups), strict=True))
    assert sorted(i for split in splits for i in split.test) == sorted(IDS)
    for split in splits:
        assert shared_labels(split, labels) == (set(), ())
    assert max(len(split.test) for split in splits) <= 16  # the largest group has 13


@pytest.mark.parametrize("folds", [1, 41])
def test_the_number_of_folds_is_checked(folds: int) -> None:
    with pytest.raises(AqaError, match="from 2 to 40 can be made"):
        kfold_splits(IDS, folds=folds, seed=0)

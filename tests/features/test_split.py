from __future__ import annotations

import pytest

from aqa.errors import AqaError
from aqa.features.split import Split, balanced_splits, random_splits

IDS = [f"v{i}" for i in range(40)]
TYPES = ["a"] * 20 + ["b"] * 16 + ["c"] * 4


def test_a_video_cannot_be_in_two_parts() -> None:
    with pytest.raises(AqaError, match=r"'v1' is in train and in test"):
        Split("1", train=("v1", "v2"), test=("v1",))


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


@pytest.mark.parametrize("test", [0, 1, 2.5, -0.1])
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

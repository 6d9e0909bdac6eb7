"""Examples: what heads learn from, in one piece."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aqa.errors import HeadError
from aqa.models.examples import Examples


@pytest.fixture
def videos() -> Examples:
    features = [np.full((i + 1, 2), float(i)) for i in range(3)]
    views = [[own + 10 for own in features]]
    return Examples.of(features, [1.0, 2.0, 3.0], views=views, id=["a", "b", "c"], type="XYX")


def test_all_parts_of_chosen_videos_go_together(videos: Examples) -> None:
    chosen = videos.select(np.array([2, 0]))
    assert (chosen.ids, chosen.columns) == (("c", "a"), {"type": ["X", "X"]})
    np.testing.assert_array_equal(chosen.scores, [3, 1])
    assert [len(own) for own in chosen.features] == [3, 1]
    assert [own[0, 0] for own in chosen.views[0]] == [12, 10]


def test_what_is_not_known_is_left_out() -> None:
    videos = Examples.of([np.zeros((1, 2))] * 2, type=None)
    assert np.isnan(videos.scores).all()
    assert videos.ids == ("row 0", "row 1")
    assert videos.only(("id", "type")) == {"id": ("row 0", "row 1")}


def test_videos_that_scikit_learn_cut_are_put_together_again(videos: Examples) -> None:
    again = Examples.of([videos[2], videos[0]], [5.0, 4.0])
    assert (again.ids, again.columns) == (("c", "a"), {"type": ["X", "X"]})
    np.testing.assert_array_equal(again.scores, [5, 4])
    assert [own[0, 0] for own in again.views[0]] == [12, 10]
    assert Examples.of(videos) is videos
    together = Examples.of([videos[2], videos[0]], [5.0, 4.0], groups=["Ann", "Ann"]).groups
    assert together is not None
    assert together.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ids": ("a",)}, "1 ids for 3 videos"),
        ({"scores": np.zeros(2)}, r"expected 3 finite scores, one per video; got shape \(2,\)"),
        ({"columns": {"type": ["X"]}}, "1 values of type for 3 videos"),
        ({"views": [[]]}, "augmentation 0 has 0 videos for 3"),
    ],
)
def test_parts_of_other_videos_are_refused(videos: Examples, change: dict, problem: str) -> None:
    with pytest.raises(HeadError, match=problem):
        dataclasses.replace(videos, **change)

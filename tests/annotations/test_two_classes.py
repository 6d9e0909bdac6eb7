"""Labels of two values: recognised, the good one named, anything else refused in one line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.two_classes import TwoClasses, find_classes
from aqa.errors import AqaError


@pytest.mark.parametrize(
    ("texts", "bad", "good"),
    [
        (["0", "1", "1.0", ""], "0", "1"),
        (["2", "1"], "1", "2"),
        (["Good", "bad", "good "], "bad", "Good"),
        (["incorrect", "correct"], "incorrect", "correct"),
        (["fault", "correct"], "fault", "correct"),
        (["bad", "expert"], "bad", "expert"),
        (["True", "False"], "False", "True"),
    ],
)
def test_the_good_one_of_two_values_is_told(texts: list[str], bad: str, good: str) -> None:
    classes = find_classes("label", texts)
    assert classes == TwoClasses("label", bad, good)
    assert (classes.number(good), classes.number(bad)) == (1.0, 0.0)
    assert math.isnan(classes.number(" "))


def test_the_user_may_choose_the_other_one() -> None:
    assert find_classes("score", ["0", "1"], "0") == TwoClasses("score", "1", "0")
    assert find_classes("label", ["novice", "expert"], "Expert") == TwoClasses(
        "label", "novice", "expert"
    )


def test_scores_are_no_classes() -> None:
    assert find_classes("score", ["1", "2", "3"]) is None
    assert find_classes("score", ["5", "5"]) is None
    assert find_classes("score", ["0", "1"], "none") is None
    assert find_classes("label", ["0", "1", "2"], "none") is None
    assert find_classes("score_tes", ["61.2", "58.4", "6O.1"]) is None  # a mistyped number


def test_scores_of_no_table_may_be_numpys() -> None:
    videos = [Video(str(n), None, np.float64(n)) for n in range(3)]
    (scores,) = Manifest(videos, Path("m.csv")).of_targets()
    assert scores.classes is None
    (classes,) = Manifest(videos[:2], Path("m.csv")).of_targets()
    assert classes.classes == TwoClasses("score", "0.0", "1.0")
    assert [video.score for video in classes] == [0, 1]


@pytest.mark.parametrize(
    ("column", "texts", "good", "said"),
    [
        ("label", ["good", "fair", "bad"], None, "it holds 3 different values"),
        ("label", ["0", "1", "2"], None, "it holds 3 different values"),
        ("label", ["good", "good"], None, "it holds 1 different values, good;"),
        ("label", ["expert", "novice"], None, "say it with --good expert"),
        ("label", ["good", "bad"], "fine", "--good fine is none of its values, good and bad"),
        ("label", ["good", "bad"], "none", "and not good and bad; write 1 for good"),
        ("score", ["1", "2", "3"], "3", "--good 3 is for two values, and it has 3"),
    ],
)
def test_a_refusal_is_one_line(column: str, texts: list[str], good: str | None, said: str) -> None:
    with pytest.raises(AqaError, match=said) as caught:
        find_classes(column, texts, good)
    assert str(caught.value).startswith(f"column {column}: ")
    assert "\n" not in str(caught.value)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from aqa.errors import AqaWarning
from aqa.models.heads.base import HeadError
from aqa.models.heads.musdl import MUSDLHead

QUICK = {"epochs": 60, "device": "cpu", "width_1": 32, "width_2": 16, "lr": 0.01}


class Judged(NamedTuple):
    x: list[np.ndarray]
    y: np.ndarray
    judges: list[tuple[float, ...]]
    difficulty: list[float]


@pytest.fixture(scope="module")
def dives() -> Judged:
    """Seven judges, of whom two err by much, one up and one down."""
    rng = np.random.default_rng(5)
    skill, difficulty = rng.uniform(3, 9, 60), rng.uniform(2, 4, 60).round(1)
    x = [np.outer(np.ones(3), [s, 1, -s]) + rng.normal(scale=0.1, size=(3, 3)) for s in skill]
    marks = [np.clip(np.r_[s + rng.normal(scale=0.2, size=5), s + 4, s - 4], 0, 10) for s in skill]
    y = [d * sum(sorted(own)[2:5]) for d, own in zip(difficulty, marks, strict=True)]
    return Judged(x, np.array(y), [tuple(own) for own in marks], list(difficulty))


@pytest.fixture(scope="module")
def fitted(dives: Judged) -> MUSDLHead:
    return MUSDLHead(**QUICK).fit(
        dives.x, dives.y, judges=dives.judges, difficulty=dives.difficulty
    )


def test_the_score_is_the_middle_marks_times_the_difficulty(fitted, dives) -> None:
    p = fitted.probabilities(dives.x)
    assert p.shape == (60, 7, 21)
    expected = []
    for own, difficulty in zip(p, dives.difficulty, strict=True):
        marks = sorted(sum(0.5 * k * mass for k, mass in enumerate(judge)) for judge in own)
        expected.append(difficulty * sum(marks[2:5]))
    found = fitted.predict(dives.x, difficulty=dives.difficulty)
    np.testing.assert_allclose(found, expected)
    assert np.abs(found - dives.y).mean() < 0.25 * dives.y.std()


def test_each_judge_has_a_row_of_their_own(fitted, dives) -> None:
    marks = fitted.decoded(dives.x)
    assert (marks[:, 5] > marks[:, :5].max(axis=1)).mean() > 0.9
    assert (marks[:, 6] < marks[:, :5].min(axis=1)).mean() > 0.9


def test_the_most_probable_marks_are_marks(fitted, dives) -> None:
    mode = MUSDLHead(**QUICK, decode="mode").restore(fitted.state())
    marks = mode.decoded(dives.x)
    np.testing.assert_array_equal(marks, np.round(2 * marks) / 2)


def test_quantiles_have_the_judges_err_together(fitted, dives) -> None:
    at = [0.1, 0.5, 0.9]
    found = fitted.quantiles(dives.x, at, difficulty=dives.difficulty)
    assert (np.diff(found, axis=1) > 0).all()
    marks = fitted.value_quantiles(dives.x, at)
    expected = [
        [d * sum(sorted(own[:, k])[2:5]) for k in range(3)]
        for d, own in zip(dives.difficulty, marks, strict=True)
    ]
    np.testing.assert_allclose(found, expected)


def test_without_the_difficulty_a_line_stands_for_it(dives) -> None:
    head = MUSDLHead(**QUICK | {"epochs": 2}, difficulty="none")
    head.fit(dives.x, dives.y, judges=dives.judges)
    assert head.answer_columns == ()
    truth = [sum(sorted(own)[2:5]) for own in dives.judges]
    slope, intercept = np.polyfit(truth, dives.y, 1)
    said = np.sort(head.decoded(dives.x), axis=1)[:, 2:5].sum(axis=1)
    np.testing.assert_allclose(head.predict(dives.x), slope * said + intercept)


@pytest.mark.parametrize("middle", [1, 5, 7])
def test_how_many_marks_count_is_the_rules(dives, middle: int) -> None:
    head = MUSDLHead(**QUICK | {"epochs": 1}, middle=middle)
    y = [
        d * sum(sorted(own)[(7 - middle) // 2 : (7 + middle) // 2])
        for d, own in zip(dives.difficulty, dives.judges, strict=True)
    ]
    head.fit(dives.x, y, judges=dives.judges, difficulty=dives.difficulty)


def test_scores_by_another_rule_are_warned_of(dives) -> None:
    head = MUSDLHead(**QUICK | {"epochs": 1})
    with pytest.warns(AqaWarning, match="the middle 3 marks is not the score .* points off"):
        head.fit(dives.x, dives.y + 9, judges=dives.judges, difficulty=dives.difficulty)


MARKS = [(5.0,) * 7] * 19


@pytest.mark.parametrize(
    ("change", "params", "problem"),
    [
        ({"judges": None}, {}, "20 of 20 videos have no judges"),
        ({"judges": [*MARKS, ()]}, {}, r"1 of 20 videos have no judges \(numbers 19\)"),
        ({"judges": [*MARKS, (5.0,) * 5]}, {}, "video number 19 has 5 judges, .* video 7"),
        ({"judges": [*MARKS, (5.0,) * 6 + (11.0,)]}, {}, "number 19 has a judge's mark of 11,"),
        ({"judges": [*MARKS, (-1.0,) * 7]}, {}, "mark of -1, which is not from low=0 to high=10"),
        ({"judges": MARKS}, {}, "19 values of judges for 20 videos"),
        ({"difficulty": None}, {}, "20 of 20 videos have no difficulty"),
        ({"difficulty": [None] + [2.0] * 19}, {}, r"have no difficulty \(numbers 0\)"),
        ({}, {"middle": 4}, "middle=4 of 7 judges' marks cannot be the middle ones"),
        ({}, {"middle": 9}, "middle=9 of 7 judges' marks"),
        ({}, {"low": 10.0}, "low=10 is not below high=10"),
        ({}, {"difficulty": "add"}, "difficulty=add is not one of multiply, none"),
    ],
)
def test_what_cannot_be_is_named(dives, change: dict, params: dict, problem: str) -> None:
    columns = {"judges": dives.judges[:20], "difficulty": dives.difficulty[:20]} | change
    with pytest.raises(HeadError, match=problem):
        MUSDLHead(**QUICK | params).fit(dives.x[:20], dives.y[:20], **columns)


def test_a_new_video_needs_its_difficulty(fitted, dives) -> None:
    assert fitted.answer_columns == ("difficulty",)
    with pytest.raises(HeadError, match="1 of 1 videos have no difficulty"):
        fitted.predict(dives.x[:1], difficulty=[None])

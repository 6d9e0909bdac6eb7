from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError
from aqa.models.heads.musdl import MUSDLHead

QUICK = {"epochs": 60, "device": "cpu", "width_1": 32, "width_2": 16, "lr": 0.01}


class Evaluated(NamedTuple):
    x: list[np.ndarray]
    y: np.ndarray
    judges: list[tuple[float, ...]]


@pytest.fixture(scope="module")
def dives() -> Evaluated:
    """Seven judges, of whom two err by much, one up and one down."""
    rng = np.random.default_rng(5)
    skill, difficulty = rng.uniform(3, 9, 60), rng.uniform(2, 4, 60).round(1)
    x = [np.outer(np.ones(3), [s, 1, -s]) + rng.normal(scale=0.1, size=(3, 3)) for s in skill]
    marks = [np.clip(np.r_[s + rng.normal(scale=0.2, size=5), s + 4, s - 4], 0, 10) for s in skill]
    y = [d * sum(sorted(own)[2:5]) for d, own in zip(difficulty, marks, strict=True)]
    return Evaluated(x, np.array(y), [tuple(own) for own in marks])


@pytest.fixture(scope="module")
def fitted(dives: Evaluated) -> MUSDLHead:
    return MUSDLHead(**QUICK).fit(dives.x, dives.y, judges=dives.judges)


def middle(marks: np.ndarray) -> float:
    return sum(sorted(marks)[2:5])


def test_the_score_is_a_line_of_the_middle_marks(fitted, dives) -> None:
    p = fitted.probabilities(Examples.of(dives.x))
    assert p.shape == (60, 7, 21)
    said = [middle([sum(0.5 * k * q for k, q in enumerate(judge)) for judge in own]) for own in p]
    slope, intercept = np.polyfit([middle(own) for own in dives.judges], dives.y, 1)
    np.testing.assert_allclose(fitted.predict(dives.x), slope * np.array(said) + intercept)


def test_for_scores_by_the_rules_the_line_does_nothing(dives) -> None:
    """As where scores are divided by the difficulty."""
    execution = np.array([middle(own) for own in dives.judges])
    head = MUSDLHead(**QUICK).fit(dives.x, execution, judges=dives.judges)
    assert (float(head.slope_), float(head.intercept_)) == pytest.approx((1, 0), abs=1e-9)
    assert np.abs(head.predict(dives.x) - execution).mean() < 0.25 * execution.std()


def test_each_judge_has_a_row_of_their_own(fitted, dives) -> None:
    marks = fitted.decoded(Examples.of(dives.x))
    assert (marks[:, 5] > marks[:, :5].max(axis=1)).mean() > 0.9
    assert (marks[:, 6] < marks[:, :5].min(axis=1)).mean() > 0.9


def test_seven_networks_have_as_many_parameters_as_the_authors_code() -> None:
    head = MUSDLHead()
    head.judges_ = np.asarray(7)
    assert sum(p.numel() for p in head.build(1024).parameters()) == 2_086_035
    head.networks = "shared"
    assert sum(p.numel() for p in head.build(1024).parameters()) == 314_259


def test_a_judges_network_is_a_network_on_the_average_clip(fitted, dives) -> None:
    found = fitted.outputs(Examples.of(dives.x[:3]))
    for judge, net in enumerate(fitted.net_.judges):
        for own, sequence in zip(found, dives.x, strict=False):
            mean = ((sequence.astype(np.float32) - fitted.centre_) / fitted.scale_).mean(axis=0)
            value = torch.from_numpy(mean).float()
            first, second = net.layers[0], net.layers[2]
            value = torch.relu(first.weight @ value + first.bias)
            value = torch.relu(second.weight @ value + second.bias)
            value = net.last.weight @ value + net.last.bias
            expected = value - torch.logsumexp(value, dim=0)
            np.testing.assert_allclose(own[judge], expected.detach(), rtol=1e-4, atol=1e-5)


def test_the_most_probable_marks_are_marks(fitted, dives) -> None:
    mode = MUSDLHead(**QUICK, decode="mode").restore(fitted.state())
    marks = mode.decoded(Examples.of(dives.x))
    np.testing.assert_array_equal(marks, np.round(2 * marks) / 2)


def test_quantiles_have_the_judges_err_together(fitted, dives) -> None:
    at = [0.1, 0.5, 0.9]
    found = fitted.quantiles(Examples.of(dives.x), at)
    assert (np.diff(found, axis=1) > 0).all()
    marks = fitted.value_quantiles(Examples.of(dives.x), at)
    assert marks.shape == (60, 7, 3)
    executions = np.array([[middle(own[:, k]) for k in range(3)] for own in marks])
    np.testing.assert_allclose(found, executions * fitted.slope_ + fitted.intercept_)


@pytest.mark.parametrize("counted", [1, 5, 7])
def test_how_many_marks_count_is_the_rules(dives, counted: int) -> None:
    aside = (7 - counted) // 2
    execution = [sum(sorted(own)[aside : 7 - aside]) for own in dives.judges]
    head = MUSDLHead(**QUICK | {"epochs": 1}, middle=counted)
    head.fit(dives.x, execution, judges=dives.judges)
    assert (float(head.slope_), float(head.intercept_)) == pytest.approx((1, 0), abs=1e-9)


MARKS = [(5.0,) * 7] * 19


@pytest.mark.parametrize(
    ("change", "params", "problem"),
    [
        ({"judges": None}, {}, "20 of 20 videos have no judges"),
        ({"judges": [*MARKS, ()]}, {}, r"1 of 20 videos have no judges \(row 19\)"),
        ({"judges": [*MARKS, (5.0,) * 5]}, {}, "row 19 has 5 judges, .* video 7"),
        ({"judges": [*MARKS, (5.0,) * 6 + (11.0,)]}, {}, "row 19 has a judge's mark of 11,"),
        ({"judges": [*MARKS, (-1.0,) * 7]}, {}, "mark of -1, which is not from low=0 to high=10"),
        ({"judges": MARKS}, {}, "19 values of judges for 20 videos"),
        ({}, {"middle": 4}, "middle=4 of 7 judges' marks cannot be the middle ones"),
        ({}, {"middle": 9}, "middle=9 of 7 judges' marks"),
        ({}, {"low": 10.0}, "low=10 is not below high=10"),
    ],
)
def test_what_cannot_be_is_named(dives, change: dict, params: dict, problem: str) -> None:
    columns = {"judges": dives.judges[:20]} | change
    with pytest.raises(HeadError, match=problem):
        MUSDLHead(**QUICK | params).fit(dives.x[:20], dives.y[:20], **columns)


def test_a_new_video_needs_no_judges(fitted) -> None:
    assert fitted.columns == ("id", "judges")
    assert fitted.answer_columns == ()

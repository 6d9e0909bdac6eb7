"""The digits that a column of a metric is shown with."""

from __future__ import annotations

import pytest

from aqa.evaluation.metric import metric_of, point_digits


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        ([38.6, 150.2], 1),
        ([1.5], 1),
        ([0.2], 3),
        ([0.0021, 0.0123], 4),
        ([0.0021, 38.6, None], 1),
        ([None], 1),
        ([0.0], 1),
        ([1e-30], 9),
    ],
)
def test_errors_follow_the_range_of_the_scores(values: list[float | None], digits: int) -> None:
    assert metric_of("mse").digits_for(values) == digits


def test_what_has_no_unit_keeps_its_digits() -> None:
    assert metric_of("spearman").digits_for([0.01]) == 3
    assert metric_of("relative_l2").digits_for([0.01]) == 2


def test_digits_are_never_fewer_than_usual() -> None:
    assert metric_of("med").digits_for([0.9]) == 3
    assert metric_of("med", "parts").digits_for([0.9]) == 4


def test_scores_are_shown_by_their_range() -> None:
    assert point_digits([76.5, 3.0], 2) == 2
    assert point_digits([0.7135, 0.2], 2) == 3

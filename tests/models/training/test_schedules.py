from __future__ import annotations

import pytest

from aqa.models.training.schedules import cosine, drop, warm_up


def test_a_cosine_falls_from_1_towards_0() -> None:
    rates = [cosine(4)(epoch) for epoch in (1, 3, 5, 9)]
    assert rates == pytest.approx([1, 0.5, 0, 0])


def test_a_drop_is_from_its_epoch_on() -> None:
    assert [drop(3, 0.1)(epoch) for epoch in (1, 2, 3, 4)] == [1, 1, 0.1, 0.1]


def test_a_warm_up_ends_at_1() -> None:
    assert [warm_up(4)(epoch) for epoch in (1, 2, 4, 9)] == [0.25, 0.5, 1, 1]
    assert warm_up(0)(1) == 1

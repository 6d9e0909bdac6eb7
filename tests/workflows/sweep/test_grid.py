from __future__ import annotations

import pytest

from aqa.errors import HeadError
from aqa.workflows.sweep.grid import searched, settings_of


def test_every_combination_in_order_commas_and_all() -> None:
    found = settings_of(["lr=1e-3", "metric_types=a,b", "lr=1e-4", "metric_types=c", "lr=1e-3"])
    assert found == [
        ("lr=1e-3", "metric_types=a,b"),
        ("lr=1e-3", "metric_types=c"),
        ("lr=1e-4", "metric_types=a,b"),
        ("lr=1e-4", "metric_types=c"),
    ]
    assert searched(settings_of(["a=1", "b=1", "b=2"])) == ["b"]


def test_draws_are_some_combinations_the_same_for_a_seed() -> None:
    texts = [f"{name}={value}" for name in "abc" for value in range(5)]
    every, drawn = settings_of(texts), settings_of(texts, 10, 3)
    assert len(every) == 125
    assert len(set(drawn)) == 10
    assert set(drawn) < set(every)
    assert drawn == settings_of(texts, 10, 3) != settings_of(texts, 10, 4)
    assert settings_of(texts, 200) == every


@pytest.mark.parametrize(
    ("texts", "says"), [(["lr=1"], "nothing to search"), (["lr"], "expected name=value")]
)
def test_what_is_no_search_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(HeadError, match=says):
        settings_of(texts)

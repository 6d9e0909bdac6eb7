from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from aqa.annotations.splits import Split
from aqa.evaluation.leaks import find_leaks, run_marks
from aqa.evaluation.result import Marks
from aqa.models.runs import RunError

SPLIT = Split("1", train=("a", "b"), val=("c",), test=("d", "e"))


def run(*learned: str, difficulty: str | None = None, told: str = "") -> SimpleNamespace:
    return SimpleNamespace(
        folder=Path("run"),
        learned_from=set(learned),
        performances=set(),
        known_difficulty=difficulty,
        told=told,
        spec={},
    )


def store(*fitted_on: str) -> SimpleNamespace:
    return SimpleNamespace(path=Path("s.h5"), spec={"weights": {"fitted_on": fitted_on or None}})


def manifest(**columns: str) -> SimpleNamespace:
    """Of all videos, each with these labels."""
    ids = (*SPLIT.train, *SPLIT.val, *SPLIT.test)
    return SimpleNamespace(
        by_id={i: SimpleNamespace(row={}, **{"type": None} | columns) for i in ids}
    )


def test_test_videos_that_were_learned_from_are_counted() -> None:
    assert find_leaks(run("a", "b", "c"), SPLIT, store("a")) == []
    assert find_leaks(run("a", "d"), SPLIT, store("d", "e", "x")) == [
        "the head has learned from 1 of 2 test videos",
        "the network behind s.h5 has learned from 2 of 2 test videos",
    ]


def test_a_leak_is_refused_or_marked() -> None:
    with pytest.raises(RunError, match="its result would mean nothing"):
        run_marks(run("d"), SPLIT, store(), False, manifest())
    told = run("d", difficulty="input", told="type")
    marks = run_marks(told, SPLIT, store(), True, manifest(type="107B"))
    assert marks.to_dict() == {
        "difficulty": "input",
        "told": "type",
        "leak": ["the head has learned from 1 of 2 test videos"],
    }
    assert Marks.from_dict({**marks.to_dict(), "mse": 1.0}) == marks
    assert run_marks(run("a"), SPLIT, store(), False, manifest()).to_dict() == {}


def test_what_no_test_video_has_is_not_told() -> None:
    some = manifest(type="107B")
    some.by_id["d"].type = None
    assert run_marks(run(told="type"), SPLIT, store(), False, manifest()).told is None
    assert run_marks(run(told="type"), SPLIT, store(), False, some).told == "type"


def test_a_test_video_that_another_dataset_shows_is_a_leak() -> None:
    """The keys come from the run, which may be of another workspace, or from the manifest."""
    table = manifest()
    table.by_id["d"].row = {"performance": "mtl-aqa:01-007;407C 80/3.2 8 8"}
    elsewhere = run("x", "y")
    assert run_marks(elsewhere, SPLIT, store(), False, table).leak == ()
    elsewhere.performances = {"407C 80/3.2 8 8"}
    with pytest.raises(RunError, match=r"other videos of what 1 of 2 test videos show, such as d;"):
        run_marks(elsewhere, SPLIT, store(), False, table)
    table.by_id["a"].row = {"performance": "mtl-aqa:01-007"}
    leaks = run_marks(run("a", "b"), SPLIT, store(), True, table).leak
    assert leaks == (
        "the head has learned from other videos of what 1 of 2 test videos show, such as d",
    )

"""Fitting a head on splits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.commands.fit import _time
from aqa.errors import HeadError
from aqa.models.heads import find_head
from aqa.workflows.fit import head_params

LEGACY = Path(__file__).parents[1] / "legacy"


def test_the_seed_is_said_once() -> None:
    svr = find_head("svr")
    assert head_params(svr, ["folds=3"], None) == {"seed": 0, "folds": 3}
    assert head_params(svr, ["seed=5"], None) == {"seed": 5}
    assert head_params(svr, [], 7) == {"seed": 7}
    with pytest.raises(HeadError, match=r"--seed 1 and -p seed=5 say the same thing"):
        head_params(svr, ["seed=5"], 1)


def test_what_is_done_to_the_target_is_typed_beside_the_head() -> None:
    svr = find_head("svr")
    assert head_params(svr, ["difficulty=multiply", "C=2"], 0) == {
        "seed": 0, "difficulty": "multiply", "C": 2.0,
    }  # fmt: skip
    with pytest.raises(HeadError, match="difficulty='twice' is not one of none, multiply, input"):
        head_params(svr, ["difficulty=twice"], 0)
    with pytest.raises(HeadError, match="no parameter 'scale'"):
        head_params(find_head("siamese"), ["scale=action"], 0)


def test_the_printed_time_counts_the_ranges_too() -> None:
    assert _time({"seconds": 0.3, "seconds_in_all": 0.4}) == "0.3 s"
    record = {"seconds": 1.26, "seconds_in_all": 4.8}
    assert _time(record) == "1.3 s (4.8 s in all)"
    assert _time({**record, "range": {}}) == "1.3 s (4.8 s with its ranges)"


def test_the_command_refuses_two_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> None:
    (tmp_path / "stores").mkdir()
    shutil.copy(LEGACY / "manifest.csv", tmp_path)
    shutil.copy(LEGACY / "stores" / "vectors.h5", tmp_path / "stores")
    monkeypatch.chdir(tmp_path)
    said = run_aqa("fit", "--head", "svr", "--seed", "1", "-p", "seed=5", code=2).output
    assert "--seed 1 and -p seed=5" in said
    assert not (tmp_path / "runs").exists()

"""Where things are by default, and which runs are meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqa.errors import AqaError
from aqa.workspace import run_folders


def test_a_head_that_is_named_is_never_left_out_in_silence(tmp_path: Path) -> None:
    for run in ("svr/split-1", "svr/split-10", "svr/split-2", "lstm/split-2"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "run.json").touch()
    found = run_folders(tmp_path, ("svr",))
    assert [folder.name for folder in found] == ["split-1", "split-2", "split-10"]
    assert len(run_folders(tmp_path, ("svr", "lstm"), ("2",))) == 2
    with pytest.raises(AqaError, match="lstm is not fitted on split 1; fit it there"):
        run_folders(tmp_path, ("svr", "lstm"), ("1",))


def test_an_empty_folder_says_what_to_begin_with(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"there is no .*manifest\.csv either: begin"):
        run_folders(tmp_path / "runs")
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(AqaError, match="no fitted heads; fit one with `aqa fit --head svr`"):
        run_folders(tmp_path / "runs")

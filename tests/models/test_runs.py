"""Runs on disk, while another process replaces them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aqa.errors import AqaError
from aqa.models import runs
from aqa.models.heads import get_head
from aqa.models.runs import MODEL, Run, load_run, read_model, save_run

LEGACY = Path(__file__).parents[1] / "legacy" / "runs" / "svr"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    found = load_run(next(LEGACY.glob("split-*")))
    return save_run(tmp_path / "runs" / "svr" / "split-1", found.head, found.record)


def test_a_run_that_is_replaced_while_it_is_read_is_read_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {name: array + 1 for name, array in run.head.state().items()}
    other = load_run(next(LEGACY.glob("split-*"))).head
    other.restore(state)
    asked = []

    def replaced(folder: Path, record: Mapping[str, Any]) -> bytes:
        if not asked:
            save_run(folder, other, {**run.record, "seconds": 7.0})
        asked.append(folder)
        return read_model(folder, record)

    monkeypatch.setattr(runs, "read_model", replaced)
    found = load_run(run.folder)
    assert found.record["seconds"] == 7
    assert all(np.array_equal(state[name], array) for name, array in found.head.state().items())


def test_how_often_fitting_draws_is_no_size_of_a_network() -> None:
    runs._check_sizes(get_head("aspects")(resamples=5000), {"slopes": np.zeros(3)})
    with pytest.raises(ValueError, match="hidden=5000 is more than any"):
        runs._check_sizes(get_head("lstm")(hidden=5000), {"slopes": np.zeros(3)})


def test_a_model_file_of_another_run_is_refused(run: Run) -> None:
    data = bytearray((run.folder / MODEL).read_bytes())
    data[-1] ^= 1
    (run.folder / MODEL).write_bytes(data)
    with pytest.raises(AqaError, match="not the file that was saved"):
        load_run(run.folder)


def test_a_run_that_was_moved_aside_is_found(run: Run) -> None:
    # As a kill leaves it where two folders cannot be exchanged in one step.
    aside = run.folder.with_name(".split-1.old")
    run.folder.rename(aside)
    assert load_run(run.folder).record == run.record
    assert not aside.exists()
    shutil.copytree(run.folder, aside)
    load_run(run.folder)
    assert not aside.exists()

"""Which head explains where none is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aqa.errors import AqaError
from aqa.workflows import best_head
from aqa.workflows.best_head import explaining_runs


def test_where_nothing_is_fitted_a_head_that_explains_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(AqaError, match="no fitted heads; fit one with `aqa fit --head wd`"):
        explaining_runs(tmp_path / "runs", None)


@pytest.mark.parametrize(("asked", "best"), [(None, "wd"), ("tes", "average@tes")])
def test_heads_are_ranked_by_what_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, best: str
) -> None:
    found = {"wd": 0.8, "wd@tes": 0.1, "average": 0.6, "average@tes": 0.9}
    for name, spearman in found.items():
        folder = tmp_path / name / "split-1"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text("{}")
        (folder / "metrics.json").write_text(json.dumps({"test": {"spearman": spearman}}))
    monkeypatch.setattr(best_head, "_gives", lambda folder, answers: True)
    assert explaining_runs(tmp_path, None, target=asked) == [tmp_path / best / "split-1"]

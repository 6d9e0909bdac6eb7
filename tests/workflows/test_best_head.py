"""Which head explains where none is named."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from aqa.errors import AqaError, AqaWarning
from aqa.workflows import best_head
from aqa.workflows.best_head import explaining_runs


def test_where_nothing_is_fitted_a_head_that_explains_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").touch()
    with pytest.raises(AqaError, match="no fitted heads; fit one with `aqa fit --head wd`"):
        explaining_runs(tmp_path / "runs", None)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for runs whose heads all explain."""
    monkeypatch.setattr(best_head, "_gives", lambda folder, answers: True)
    return tmp_path


def _save(runs: Path, name: str, half: float | None, test: float, split: str = "1") -> Path:
    """A run as far as the choice reads it.

    half: half the width of the range of 80 %, None for a run without ranges. test: its correlation
    on test videos.
    """
    widths = {"50": 1.0, "80": half, "95": 99.0}
    told = {
        "range": {"half_widths": widths, "videos": 40, "source": "thirds"},
        "training_scores": [0.0, 100.0],
    }
    spec = {
        **{"backbone": "tiny3d", "layer": "pool", "shape": [4], "dtype": "float32"},
        **{"clip_length": 16, "stride": 16, "frames": None, "padding": None, "tail": None},
        **{"preprocess": None, "weights": {"name": None, "sha256": None}, "views": ["original"]},
    }
    record = {
        **{"head": "wd", "params": {}, "seconds": 1.0, "store": {"path": "s.h5", "spec": spec}},
        "split": {"name": split, "train": [], "val": []},
        **({} if half is None else told),
    }
    folder = runs / name / f"split-{split}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))
    (folder / "metrics.json").write_text(json.dumps({"test": {"spearman": test}}))
    return folder


@pytest.mark.parametrize(("asked", "best"), [(None, "wd"), ("tes", "average@tes")])
def test_heads_are_ranked_by_what_is_explained(runs: Path, asked: str | None, best: str) -> None:
    for name, half in {"wd": 4.0, "wd@tes": 9.0, "average": 6.0, "average@tes": 2.0}.items():
        _save(runs, name, half, test=0.5)
    assert explaining_runs(runs, None, target=asked) == [runs / best / "split-1"]


def test_test_videos_choose_nothing(runs: Path) -> None:
    """The head that does best on test videos, and worst on held-out training videos, is not taken;
    neither is one whose ranges nobody knows."""
    _save(runs, "uil", None, test=0.99)
    _save(runs, "average", 8.0, test=0.9)
    taken = [_save(runs, "wd", half, test=0.1, split=s) for s, half in (("1", 7.0), ("2", 8.0))]
    with warnings.catch_warnings():
        warnings.simplefilter("error", AqaWarning)
        assert explaining_runs(runs, None) == taken


@pytest.mark.parametrize(
    ("names", "first"), [(["uil", "wd", "average"], "wd"), (["uil", "average"], "average")]
)
def test_without_ranges_the_order_is_fixed_and_told(
    runs: Path, names: list[str], first: str
) -> None:
    for place, name in enumerate(names):
        _save(runs, name, None, test=1.0 - 0.1 * place)
    with pytest.warns(AqaWarning, match=rf"{first} is taken: wd comes first"):
        assert explaining_runs(runs, None) == [runs / first / "split-1"]


def test_a_head_that_predicts_the_score_comes_before_one_of_another_target(runs: Path) -> None:
    _save(runs, "average@tes", 1.0, test=0.9)
    _save(runs, "wd", 30.0, test=0.1)
    assert explaining_runs(runs, None) == [runs / "wd" / "split-1"]

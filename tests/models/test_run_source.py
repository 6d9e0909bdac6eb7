"""Runs of an outsider's head: its file is only run where the user names it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.errors import AqaError, AqaWarning
from aqa.models.run_source import RunError, chosen_runs, labels_of
from aqa.models.runs import load_run

SOURCE = '''
from dataclasses import dataclass
import numpy as np
from aqa.models.heads import Head, param

print("this file is run")

@dataclass(repr=False, eq=False)
class TopKHead(Head):
    """The mean score, plus a share of the largest value."""

    share: float = param(0.5, "of the largest value")
    fitted = ("mean_",)

    def fit(self, x, y, validation=None, **columns):
        self.mean_ = np.asarray(np.mean(y))
        return self

    def predict(self, x, **columns):
        return np.array([self.mean_ + self.share * clips.max() for clips in x])

@dataclass(repr=False, eq=False)
class OtherHead(TopKHead):
    """Another head in the same file."""

HEAD = TopKHead
'''
LEGACY = Path(__file__).parents[1] / "legacy"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest and a store, a fitted svr, and a head in code/topk.py."""
    (tmp_path / "stores").mkdir()
    shutil.copy(LEGACY / "manifest.csv", tmp_path)
    shutil.copy(LEGACY / "stores" / "vectors.h5", tmp_path / "stores")
    shutil.copytree(LEGACY / "runs" / "svr", tmp_path / "runs" / "svr")
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "topk.py").write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fitted(workspace: Path, run_aqa: Callable[..., Result]) -> Path:
    run_aqa("fit", "--head", "code/topk.py", "-p", "share=2")
    return workspace / "runs" / "topk" / "split-1"


def test_the_run_records_where_its_head_came_from(fitted: Path) -> None:
    record = json.loads((fitted / "run.json").read_text())
    assert (record["head"], record["params"]) == ("topk", {"seed": 0, "share": 2.0})
    assert record["source"]["source"] == "file"
    assert record["source"]["name"] == "code/topk.py:HEAD"
    assert len(record["source"]["sha256"]) == 64


def test_it_opens_where_the_file_is_named(fitted: Path) -> None:
    run = load_run(fitted, ["svr", "code/topk.py"])
    assert run.head.params["share"] == 2
    assert run.head.predict([np.full((1, 6), 3.0)])[0] == run.head.mean_ + 6


def test_without_it_no_file_is_run(fitted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    with pytest.raises(RunError, match=r"topk/split-1: .* give --head code/topk\.py$"):
        load_run(fitted)
    with pytest.raises(RunError, match=r"give --head code/topk\.py$"):
        load_run(fitted, ["code/topk.py:OtherHead"])
    assert "this file is run" not in capsys.readouterr().out


def test_a_missing_file_is_told(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    Path("code/topk.py").unlink()
    with pytest.raises(RunError, match=r"is not there; give .* --head FOLDER/topk\.py"):
        load_run(fitted)
    said = run_aqa("eval", "--head", "code/topk.py", code=1).output
    assert "code/topk.py" in said
    assert "No such file" in said
    assert "fit the head again" not in said


def test_a_changed_file_is_told(fitted: Path) -> None:
    Path("code/topk.py").write_text(SOURCE + "\n# another line\n")
    with pytest.warns(AqaWarning, match=r"code/topk\.py.*, has changed since it was fitted"):
        run = load_run(fitted, ["code/topk.py"])
    assert run.head.params["share"] == 2
    Path("code/topk.py").write_text(SOURCE.replace("mean_", "middle_"))
    with (
        pytest.warns(AqaWarning, match="has changed"),
        pytest.raises(RunError, match=r"has changed since it was fitted .*fit the head again"),
    ):
        load_run(fitted, ["code/topk.py"])


def test_eval_does_the_others_and_says_which_option_to_give(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    result = run_aqa("eval", "--no-baseline", code=1)
    assert "svr" in result.output
    assert "not evaluated: runs/topk/split-1" in result.output
    assert "--head code/topk.py" in result.output
    both = run_aqa("eval", "--no-baseline", "--head", "svr", "--head", "code/topk.py", "--json")
    assert {row["head"] for row in json.loads(both.stdout)["results"]} == {"svr", "topk"}


def test_what_was_not_evaluated_is_told_once_and_how_to(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    shutil.copytree(fitted.parent, fitted.parents[1] / "topk~seed0")
    shutil.copytree(fitted.parent, fitted.parents[1] / "topk~seed1")
    said = run_aqa("eval", "--no-baseline", code=1).stderr
    assert "runs/topk/split-1, runs/topk~seed0/split-1 and 1 more: its head is the file" in said
    assert said.count("not evaluated") == 1
    remedy = "run `aqa eval --head code/topk.py` first"
    assert remedy in run_aqa("compare", "svr", "topk", code=1).stderr
    assert remedy in run_aqa("table", "svr", "topk", "-o", "t.md", code=1).stderr
    written = run_aqa("eval", "--no-baseline", "--head", "code/topk.py").stderr
    assert "written to runs/eval-topk.json" in written


def test_a_file_means_all_runs_of_its_head(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    run_aqa("fit", "--head", "code/topk.py", "--name", "topk-small", "-p", "share=0.1")
    runs = fitted.parents[1]
    assert labels_of(runs, ["svr", "code/topk.py"]) == ("svr", "topk", "topk-small")
    assert [folder.parent.name for folder in chosen_runs(runs, ["code/topk.py"])] == [
        *("topk", "topk-small"),
    ]
    Path("code/none.py").write_text(SOURCE)
    with pytest.raises(AqaError, match=r"no fitted code/none\.py; fit it first"):
        labels_of(runs, ["code/none.py"])


def test_a_renamed_head_finds_the_runs_of_its_old_name(workspace: Path) -> None:
    shutil.copytree(LEGACY / "runs" / "score", workspace / "runs" / "score")
    assert labels_of(workspace / "runs", ["score-estimation"]) == ("score",)
    (workspace / "runs" / "score-estimation").mkdir()
    assert labels_of(workspace / "runs", ["score-estimation"]) == ("score-estimation",)


def test_runs_of_a_file_do_not_lie_among_those_of_a_head_of_ours(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    Path("code/svr.py").write_text(SOURCE)
    said = run_aqa("fit", "--head", "code/svr.py", code=1).output
    assert "among those of aqa's head svr; rename the file" in said
    run_aqa("fit", "--head", "code/svr.py", "--name", "mine")
    record = json.loads(Path("runs/mine/split-1/run.json").read_text())
    assert record["head"] == "svr"
    with pytest.raises(RunError, match=r"give --head code/svr\.py"):
        load_run(Path("runs/mine/split-1"))


def test_another_class_of_the_file_does_not_replace_the_runs(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("fit", "--head", "code/topk.py")
    said = run_aqa("fit", "--head", "code/topk.py:OtherHead", code=1).output
    assert "runs/topk/split-1 holds a run of HEAD of that file" in said
    run_aqa("fit", "--head", "code/topk.py:OtherHead", "--name", "other")
    heads = ("--head", "code/topk.py", "--head", "code/topk.py:OtherHead")
    found = json.loads(run_aqa("eval", "--no-baseline", *heads, "--json").stdout)
    assert {row["head"] for row in found["results"]} == {"topk", "other"}


def test_another_file_of_the_same_name_does_not_replace_the_runs(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("fit", "--head", "code/topk.py")
    before = (fitted / "run.json").read_bytes()
    Path("other").mkdir()
    Path("other/topk.py").write_text(SOURCE)
    said = run_aqa("fit", "--head", "other/topk.py", code=1).output
    assert "holds a run of another file, code/topk.py; call those of other/topk.py" in said
    assert (fitted / "run.json").read_bytes() == before
    Path("code/topk.py").unlink()
    run_aqa("fit", "--head", "other/topk.py")


def test_a_package_that_is_gone_is_told(fitted: Path) -> None:
    record = json.loads((fitted / "run.json").read_text())
    record["source"] = {"source": "package", "name": "club 1.0: club.topk:HEAD", "sha256": None}
    (fitted / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"that of club 1\.0.*, which is not installed; install"):
        load_run(fitted)


def test_a_head_that_this_version_lacks_is_told(fitted: Path) -> None:
    record = json.loads((fitted / "run.json").read_text()) | {"head": "tree", "source": None}
    (fitted / "run.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match="'tree' is none of this version's heads"):
        load_run(fitted)


def test_one_class_has_several_names(fitted: Path, run_aqa: Callable[..., Result]) -> None:
    assert labels_of(Path("runs"), ["code/topk.py:TopKHead"]) == ("topk",)
    assert load_run(fitted, ["code/topk.py:TopKHead"]).head.params["share"] == 2
    run_aqa("fit", "--head", "code/topk.py:TopKHead", "-p", "share=3")
    assert load_run(fitted, ["code/topk.py"]).head.params["share"] == 3


def test_a_class_of_a_file_means_its_runs_alone(
    fitted: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("fit", "--head", "code/topk.py:OtherHead", "--name", "other")
    assert labels_of(Path("runs"), ["code/topk.py:OtherHead"]) == ("other",)
    assert labels_of(Path("runs"), ["code/topk.py"]) == ("other", "topk")


def test_an_old_name_says_the_new_one(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    result = run_aqa("eval", "--head", "score", code=2)
    assert "it is now called 'score-estimation'" in result.stderr


def test_a_run_that_a_killed_process_put_aside_is_chosen_by_its_target(workspace: Path) -> None:
    (folder,) = chosen_runs(Path("runs"))
    folder.rename(folder.with_name(f".{folder.name}.old"))
    assert chosen_runs(Path("runs"), targets=["score"]) == [folder]

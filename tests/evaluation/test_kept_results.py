"""What is kept of runs, read back: no video is scored again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError, ChangedError, RunError, UnknownNameError
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.evaluation.forest import forests_of
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.kept_results import (
    found_runs,
    manifest_of,
    read_results,
    runs_in,
    with_baselines,
)
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Evaluation, Marks
from aqa.evaluation.result_files import write_results
from aqa.evaluation.stored import stored_evaluation, type_rows
from aqa.files import write_json

MARKS = Marks()


@pytest.fixture
def copied(evaluated_runs: Path, tmp_path: Path) -> Path:
    """A workspace that a test may change."""
    return Path(shutil.copytree(evaluated_runs, tmp_path / "copied"))


def scored(name: str, n: int, noise: float, *splits: str, videos: str = "v") -> HeadResults:
    """A head that scores n videos per split, with errors of this size."""
    rng = np.random.default_rng(len(name))
    true = np.linspace(0, 10, n)
    ids = tuple(f"{videos}{k:03d}" for k in range(n))
    answers = {
        split: Predictions(Path(name), ids, true, true + rng.normal(scale=noise, size=n), 50, MARKS)
        for split in splits
    }
    folders = {split: Path(name) for split in splits}
    return HeadResults(name, folders, answers, {split: {"n": n} for split in splits}, {}, {})


def test_a_head_of_seeds_is_called_without_them(tmp_path: Path) -> None:
    for name in ("lstm~seed0", "lstm~seed1", "svr"):
        (tmp_path / name / "split-1").mkdir(parents=True)
        (tmp_path / name / "split-1/predictions.csv").touch()
    found = runs_in([tmp_path / "lstm"])
    assert [run.parent.name for run in found] == ["lstm~seed0", "lstm~seed1"]
    with pytest.raises(UnknownNameError, match=r"did you mean .*svr"):
        runs_in([tmp_path / "svx"])


def test_files_of_many_heads_have_names_that_can_be(tmp_path: Path) -> None:
    empty = Evaluation([])
    few = write_results(tmp_path, ["svr", "wd"], ["1"], empty)
    assert few.name == "eval-svr-wd-split-1.json"
    many = [write_results(tmp_path, [f"head{k}" for k in range(n)], [], empty) for n in (60, 61)]
    assert [len(one.name) for one in many] < [100, 100]
    assert many[0] != many[1]


def test_runs_of_a_head_are_joined(evaluated_runs: Path) -> None:
    svr, lstm = read_results(runs_in([evaluated_runs / "runs" / n for n in ("svr", "lstm")]))
    points = svr.points()
    assert (svr.name, svr.kind, points.splits) == ("svr", "scores", ("1", "2"))
    assert (len(points.ids), points.videos) == (32, 24)
    assert points.has_ranges
    assert not lstm.points().has_ranges
    rows = (evaluated_runs / "runs/svr/split-2/predictions.csv").read_text().splitlines()
    tested = [row.split(",") for row in rows if ",test," in row]
    assert points.predicted[16:].tolist() == [float(row[3]) for row in tested]
    assert set(svr.types.values()) >= {"101B", "205B"}
    assert svr.histories["1"][0].keys() >= {"C", "cv_mse"}


def test_stored_results_are_those_of_eval(copied: Path) -> None:
    manifest = Manifest.read(copied / "manifest.csv")
    folders = runs_in([copied / "runs" / "svr", copied / "runs" / "lstm"])
    expected = evaluate_runs(folders, manifest, baselines=copied / "runs")
    found = stored_evaluation(read_results(with_baselines(folders)), manifest)

    for part in ("results", "pooled", "means"):
        now, then = (named(one.to_dict()[part]) for one in (found, expected))
        assert now == then


def named(results: list[dict]) -> dict[tuple, dict]:
    """Results by what they are of, since heads come in another order; lists as JSON has them."""
    keys = ("kind", "head", "split", "family")
    return {tuple(one.get(k) for k in keys): json.loads(json.dumps(one)) for one in results}


def test_a_folder_is_a_run_or_holds_some(evaluated_runs: Path, tmp_path: Path) -> None:
    run = evaluated_runs / "runs" / "svr" / "split-1"
    assert found_runs(run) == [run]
    assert found_runs(run.parent) == [run, run.parent / "split-2"]
    names = {folder.parent.name for folder in found_runs(evaluated_runs / "runs")}
    assert names >= {"svr", "lstm", "baseline-type"}
    (tmp_path / "0001.png").write_bytes(b"")
    assert found_runs(tmp_path) == []
    with pytest.raises(RunError, match="holds no run"):
        runs_in([tmp_path])


def test_baselines_of_the_same_splits_come_along(evaluated_runs: Path) -> None:
    run = evaluated_runs / "runs" / "svr" / "split-1"
    found = with_baselines([run])
    assert found[0] == run
    assert {folder.name for folder in found} == {"split-1"}
    assert {folder.parent.name for folder in found[1:]} == {"baseline-type"}


def test_what_was_not_evaluated_says_which_command_does(copied: Path) -> None:
    run = copied / "runs" / "svr" / "split-1"
    (run / "metrics.json").unlink()
    (head,) = read_results([run])
    assert head.not_evaluated == ["1"]
    with pytest.raises(RunError, match="run `aqa eval --head svr --split 1` first"):
        head.points()


@pytest.mark.parametrize("text", ["{", '{"test": {"n": 16, "spearman": "high"}}'])
def test_damaged_metrics_are_told_in_a_line(copied: Path, text: str) -> None:
    run = copied / "runs" / "svr" / "split-1"
    (run / "metrics.json").write_text(text)
    with pytest.raises(RunError, match=r"metrics\.json") as error:
        stored_evaluation(read_results([run]), Manifest.read(copied / "manifest.csv"))
    assert "\n" not in str(error.value)


def test_a_changed_model_is_refused(copied: Path) -> None:
    model = copied / "runs" / "svr" / "split-1" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(ChangedError):
        read_results([model.parent])


def test_without_its_manifest_types_are_not_known(copied: Path) -> None:
    run = copied / "runs" / "svr" / "split-1"
    (copied / "manifest.csv").unlink()
    heads = read_results([run])
    assert heads[0].types == {}
    with pytest.raises(AqaError, match=r"manifest\.csv"):
        manifest_of(heads)
    record = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {k: v for k, v in record.items() if k != "manifest"})
    with pytest.raises(RunError, match="--manifest"):
        manifest_of(read_results([run]))


def test_rows_by_type_are_means_over_its_predictions(evaluated_runs: Path) -> None:
    (svr,) = read_results(runs_in([evaluated_runs / "runs" / "svr"]))
    points = svr.points()
    (row,) = [one for one in type_rows(svr) if one.type == "101B"]
    own = np.array([svr.types[i] == "101B" for i in points.ids])
    error = (points.predicted - points.true)[own]
    assert (row.videos, row.predictions) == (8, own.sum())
    assert row.med == pytest.approx(np.abs(error).mean())
    assert row.bias == pytest.approx(error.mean())


def test_heads_on_the_same_videos_are_paired() -> None:
    good, bad = scored("good", 40, 0.5, "1", "2"), scored("poor", 40, 5.0, "1", "2", "3")
    (forest,) = forests_of([bad, good])
    assert [row.name for row in forest.rows] == ["good", "poor"]
    assert forest.over == "mean of 2 splits"
    assert forest.notes == ("split 3 is left out: no results of good",)
    assert forest.comparison is not None
    assert forest.rows[0].value == forest.comparison.heads["good"].value


def test_heads_on_other_videos_stand_alone_with_their_intervals() -> None:
    (forest,) = forests_of(
        [scored("a", 40, 1.0, "1"), scored("bc", 40, 3.0, "1", videos="w")], "med"
    )
    assert forest.comparison is None
    assert [row.name for row in forest.rows] == ["a", "bc"]  # lower errors are better
    assert all(row.interval[0] < row.value < row.interval[1] for row in forest.rows)
    assert "different test videos" in forest.notes[0]


def test_one_head_alone_has_the_interval_of_a_comparison() -> None:
    heads = [scored("good", 40, 0.5, "1", "2"), scored("poor", 40, 5.0, "1", "2")]
    (both,), (alone,) = forests_of(heads), forests_of(heads[:1])
    assert alone.rows[0] == both.rows[0]

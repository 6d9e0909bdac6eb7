"""`aqa fit --seeds`: a run per seed, and their mean in every command that shows results."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import aqa
from aqa.errors import AqaError

FIT = [
    "fit",
    "--head",
    "lstm",
    "-p",
    "epochs=2",
    "-p",
    "hidden=4",
    "-p",
    "device=cpu",
    "--no-ranges",
]


@pytest.fixture(scope="module")
def seeded(evaluated_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """svr, and lstm of two seeds, evaluated on two splits."""
    from click.testing import CliRunner

    from aqa.cli import main

    folder = tmp_path_factory.mktemp("seeds") / "w"
    shutil.copytree(evaluated_runs, folder)
    shutil.rmtree(folder / "runs" / "lstm")
    for command in ([*FIT, "--seeds", "2"], ["eval"]):
        result = CliRunner().invoke(main, ["-C", str(folder), *command])
        assert result.exit_code == 0, result.output
    return folder


def test_a_run_per_seed_is_that_of_the_seed_alone(
    seeded: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("-C", str(seeded), *FIT, "--seed", "1", "--runs", str(tmp_path / "alone"))
    for split in ("split-1", "split-2"):
        own = seeded / "runs" / "lstm~seed1" / split / "model.safetensors"
        assert own.read_bytes() == (tmp_path / "alone/lstm" / split / own.name).read_bytes()
    record = json.loads((seeded / "runs/lstm~seed1/split-1/run.json").read_text())
    assert record["seed"] == 1


def test_evaluation_shows_the_mean_and_the_deviations_apart(
    seeded: Path, run_aqa: Callable[..., Result]
) -> None:
    text = run_aqa("-C", str(seeded), "eval").output
    assert "mean of 2 seeds and 2 splits" in text
    assert "lstm~seed0" not in text
    assert "lstm~seed0" in run_aqa("-C", str(seeded), "eval", "--by", "split").output
    with (seeded / "runs" / "eval-seeds.csv").open(newline="") as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    with (seeded / "runs" / "eval.csv").open(newline="") as file:
        each = [r for r in csv.DictReader(file) if r["head"].startswith("lstm~seed")]
    mean = sum(float(row["spearman"]) for row in each) / len(each)
    assert float(rows["spearman"]["mean"]) == pytest.approx(mean)
    assert {"std_over_seeds", "std_over_splits", "std_together"} < rows["spearman"].keys()


def test_heads_are_compared_over_their_seeds(seeded: Path, run_aqa: Callable[..., Result]) -> None:
    text = run_aqa("-C", str(seeded), "compare", "lstm", "svr").output
    assert "mean of 2 splits and 2 seeds" in text
    assert "p seeds" in text
    found = json.loads(run_aqa("-C", str(seeded), "compare", "lstm", "svr", "--json").output)
    assert found["seeds"] == [0, 1]
    assert found["pairs"][0]["p_seeds"] is not None
    with_one = run_aqa("-C", str(seeded), "compare", "svr", "--against", "lstm", "--json").output
    assert [(pair["a"], pair["b"]) for pair in json.loads(with_one)["pairs"]] == [("svr", "lstm")]
    assert (seeded / "runs" / "compare-against-lstm-svr.csv").exists()


def test_a_video_is_not_scored_by_several_seeds_at_once(seeded: Path) -> None:
    with pytest.raises(AqaError, match="choose one of lstm~seed0, lstm~seed1"):
        aqa.score("new.mp4", head="lstm", workspace=seeded)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seed", "1,x"], "use a whole number, or several, such as 1,2,3"),
        (["--seed", "1,1"], "names a seed twice"),
        (["--seed", "1,2", "--seeds", "2"], "leave one out"),
    ],
)
def test_seeds_that_cannot_be_are_refused(
    seeded: Path, run_aqa: Callable[..., Result], options: list[str], says: str
) -> None:
    assert says in run_aqa("-C", str(seeded), *FIT, *options, code=2).output

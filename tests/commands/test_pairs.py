"""Who is better, as typed: import, fit, eval, compare, feedback, and what is refused."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.stats import spearmanr

import aqa as library
from aqa.annotations.manifest import Manifest
from aqa.cli import main
from aqa.features.store import import_arrays

N, TESTED = 60, 20
QUICK = ["-p", "epochs=15", "-p", "device=cpu"]


def drawn() -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Videos of four clips, and their hidden scores."""
    rng = np.random.default_rng(0)
    ids = [f"v{i:02d}" for i in range(N)]
    arrays = {
        i: (rng.normal(size=5) + 0.3 * rng.normal(size=(4, 5))).astype(np.float32) for i in ids
    }
    weights = rng.normal(size=5)
    return arrays, {i: float(x.mean(axis=0) @ weights) for i, x in arrays.items()}


def lines(ids: list[str], hidden: dict[str, float], n: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    pairs = [rng.choice(ids, 2, replace=False) for _ in range(n)]
    ordered = [(a, b) if hidden[a] > hidden[b] else (b, a) for a, b in pairs]
    return "".join(f"{better} {worse}\n" for better, worse in ordered)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace as BEST's authors split theirs, by videos, with two fitted heads."""
    root = tmp_path_factory.mktemp("pairs")
    arrays, hidden = drawn()
    ids = list(arrays)
    files = root / "files"
    files.mkdir()
    (files / "train.txt").write_text(lines(ids[TESTED:], hidden, 150, 0))
    (files / "test.txt").write_text(lines(ids[:TESTED], hidden, 60, 1))
    import_arrays(root / "stores" / "s.h5", arrays, source="made")
    for typed in (
        ["import", "pairs", str(files)],
        ["fit", "--head", "svr", "--target", "pairs"],
        ["fit", "--head", "average", "--target", "pairs", *QUICK],
    ):
        result = CliRunner().invoke(main, ["-C", str(root), *typed])
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def workspace(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def aqa(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(workspace)
    return run_aqa


def test_eval_prints_the_accuracy_with_both_intervals(
    aqa: Callable[..., Result], workspace: Path
) -> None:
    printed = aqa("eval").stdout
    assert "who of two is better: split published, 60 test pairs" in printed
    assert "exact: the interval if pairs were independent; the other one draws videos" in printed
    results = json.loads((workspace / "runs" / "eval.json").read_text())["results"]
    for one in results:
        assert (one["kind"], one["target"], one["part"]) == ("ranking", "pairs", "test")
        assert (one["n"], one["videos"], one["learned"]) == (60, 20, 0)
        assert one["accuracy"] > 0.8
        assert one["accuracy_interval"][0] < one["accuracy"]
        assert one["exact_interval"][0] < one["accuracy"] < one["exact_interval"][1]


@pytest.mark.parametrize("head", ["svr", "average"])
def test_the_saved_run_opens_and_has_the_hidden_order(workspace: Path, head: str) -> None:
    run = library.load_run(workspace / "runs" / f"{head}@pairs" / "split-published")
    assert (run.target, run.kind) == ("pairs", "ranking")
    arrays, hidden = drawn()
    tested = list(arrays)[:TESTED]
    ranks = run.head.predict([arrays[i] for i in tested])
    assert spearmanr(ranks, [hidden[i] for i in tested])[0] > 0.8


def test_held_out_pairs_are_kept(workspace: Path) -> None:
    folder = workspace / "runs" / "average@pairs" / "split-published"
    with (folder / "held_out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["part"] for row in rows} == {"val"}
    assert set(rows[0]) == {"better", "worse", "part", "better_rank", "worse_rank"}


def test_heads_are_compared_by_their_accuracy(aqa: Callable[..., Result]) -> None:
    aqa("eval")
    printed = aqa("compare").stdout
    assert "accuracy of pairs, split published, 20 test videos" in printed
    assert re.search(r"svr@pairs|average@pairs", printed)
    assert "none of ranking" in aqa("compare", "--metric", "mse", code=2).stderr


def test_feedback_speaks_of_rank_values(aqa: Callable[..., Result]) -> None:
    printed = aqa("feedback", "v01", "--head", "average").stdout
    assert "value: rank value added to a base of" in printed
    assert "= rank value " in printed
    assert "points" not in printed


def test_changed_pairs_are_noticed(aqa: Callable[..., Result], workspace: Path) -> None:
    path = workspace / "pairs.csv"
    text = path.read_text()
    path.write_text(text + "v00,v01\n")  # a test pair: nothing was learned from it
    aqa("eval", "--head", "svr")
    path.write_text(text + "v30,v31\n")
    refused = aqa("eval", "--head", "svr", code=1).stderr
    assert "the pairs of" in refused
    assert "that it learned from have changed" in refused
    path.unlink()
    assert "pairs.csv: no such table of pairs" in aqa("eval", "--head", "svr", code=1).stderr


def test_a_split_of_pairs(aqa: Callable[..., Result], workspace: Path) -> None:
    rows = (workspace / "files" / "train.txt").read_text().split("\n")[:-1]
    parts = ["test" if number % 4 == 0 else "train" for number in range(len(rows))]
    body = "".join(
        f"{row.replace(' ', ',')},{part}\n" for row, part in zip(rows, parts, strict=True)
    )
    (workspace / "mine.csv").write_text("better,worse,split_mine\n" + body)
    aqa("fit", "--head", "svr", "--pairs", "mine.csv", "--split", "mine")
    aqa("eval", "--split", "mine", "--by", "split")
    (one,) = json.loads((workspace / "runs" / "eval-split-mine.json").read_text())["results"]
    assert one["n"] == parts.count("test")
    assert 0 < one["learned"] <= one["videos"]
    record = json.loads((workspace / "runs/svr@pairs/split-mine/run.json").read_text())
    assert record["pairs"] == "mine.csv"


@pytest.mark.parametrize(
    ("typed", "words", "code"),
    [
        (["--head", "usdl", "--target", "pairs"], "USDLHead cannot learn who is better", 2),
        (["--head", "siamese", "--target", "pairs"], "heads that can: average, fragments, lstm", 2),
        (["--head", "lstm", "--target", "pairs", "-p", "loss=mse"], "loss=mse learns scores", 2),
        (["--head", "svr", "--pairs", "no.csv"], "no.csv: no such table of pairs", 1),
        (["--head", "svr", "--pairs", "pairs.csv", "--target", "tes"], "leave out --target", 1),
        (
            ["--head", "svr", "--target", "pairs", "-p", "difficulty=multiply"],
            "pairs have no scores: leave out -p difficulty=multiply",
            2,
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(
    aqa: Callable[..., Result], typed: list[str], words: str, code: int
) -> None:
    result = aqa("fit", *typed, code=code)
    assert words in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1


def test_what_there_is_to_learn_is_said(aqa: Callable[..., Result]) -> None:
    assert "unknown target 'score'; known: pairs" in aqa("fit", "--head", "svr", code=2).stderr


def test_baselines_need_scores(aqa: Callable[..., Result]) -> None:
    assert "pairs tell no scores" in aqa("baseline", "--target", "pairs", code=1).stderr


def test_validation_videos_stop_the_training(aqa: Callable[..., Result], workspace: Path) -> None:
    table = (workspace / "manifest.csv").read_text()
    for number in range(50, N):
        table = table.replace(f"v{number},,train", f"v{number},,val")
    (workspace / "manifest.csv").write_text(table)
    assert len(Manifest.read(workspace / "manifest.csv").split("published").val) > 5
    aqa("fit", "--head", "average", "--target", "pairs", *QUICK)
    folder = workspace / "runs" / "average@pairs" / "split-published"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert set(metrics) == {"train", "val"}
    assert metrics["val"]["n"] > 10
    assert not (folder / "held_out.csv").exists()


def test_pairs_from_python(workspace: Path) -> None:
    (run,) = library.fit("svr", workspace=workspace, targets="pairs", name="mine")
    assert run.folder == workspace / "runs" / "mine@pairs" / "split-published"
    rows = library.evaluate("mine", workspace=workspace)
    assert rows[0]["kind"] == "ranking"


def test_scores_of_another_manifest_are_learned_from_a_network_that_ranks(
    aqa: Callable[..., Result], workspace: Path, tmp_path: Path
) -> None:
    """Its pairs are not there, so that all of its videos count as learned from."""
    quick = ("-p", "epochs=1", "-p", "hidden=4", "-p", "device=cpu")
    aqa("fit", "--head", "lstm", "--target", "pairs", *quick)
    other = tmp_path / "other"
    shutil.copytree(workspace / "stores", other / "stores")
    rows = [f"v{i:02d},v{i:02d}.mp4,{i},train" for i in range(TESTED + 20)]
    (other / "manifest.csv").write_text("\n".join(["video_id,path,score,split_1", *rows]))
    start = workspace / "runs" / "lstm@pairs" / "split-published"
    aqa("-C", str(other), "fit", "--head", "lstm", "--from", str(start), *quick)
    record = json.loads((other / "runs" / "lstm" / "split-1" / "run.json").read_text())
    assert len(record["also_learned_from"]) == N - TESTED - 20

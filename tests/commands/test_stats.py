"""Comparing heads, baselines and difficulty, as typed."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import write_manifest
from aqa.cli import main

N = 60
QUICK = "-p C=10 -p epsilon=0.1 -p gamma=0.1"


def rows_of(rng: np.random.Generator) -> tuple[list[dict], np.ndarray]:
    execution, difficulty = rng.uniform(10, 28, N), rng.choice([1.6, 2.4, 3.2], N)
    x = execution[:, None] * [0.1, -0.1, 0.02] + rng.normal(scale=0.05, size=(N, 3))
    rows = [
        {
            "video_id": f"v{k:02d}",
            "path": "",
            "score": round(execution[k] * difficulty[k], 2),
            "difficulty": difficulty[k],
            "action": ("dive", "vault")[k % 2],
            "type": f"{k % 2}-{difficulty[k]}",
            "split_1": "test" if k % 3 == 0 else "train",
            "split_2": "test" if k % 5 < 2 else "train",
            "split_none": "train",
        }
        for k in range(N)
    ]
    return rows, x


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An svr, the same told the difficulty, both evaluated; and a siamese head without scores."""
    root = tmp_path_factory.mktemp("stats")
    rows, x = rows_of(np.random.default_rng(0))
    write_manifest(root / "manifest.csv", rows)
    np.save(root / "f.npy", x.astype(np.float32))
    (root / "ids.txt").write_text("\n".join(row["video_id"] for row in rows))
    for command in (
        "store import f.npy --ids ids.txt --store stores/f.h5",
        f"fit --head svr --split 1 --split 2 {QUICK}",
        f"fit --head svr --split 1 --split 2 {QUICK} -p difficulty=multiply --name knowing",
        "fit --head siamese --split 1 -p epochs=1 -p hidden=4 -p device=cpu --runs pairs",
        "eval",
        "eval --runs pairs",
    ):
        result = CliRunner().invoke(main, ["-C", str(root), *command.split()])
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def aqa(fitted: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]):
    monkeypatch.chdir(fitted)
    return run_aqa


def test_eval_shows_what_needs_no_pixels_below_the_heads(aqa, fitted: Path) -> None:
    shown = aqa("eval").stdout
    results = json.loads(aqa("eval", "--json").stdout)["results"]
    heads = list(dict.fromkeys(r["head"] for r in results))
    assert heads[:2] == ["knowing", "svr"]
    columns = ("action", "type", "difficulty", "all")
    assert heads[2:] == [f"baseline-{column}" for column in columns]
    assert "baseline-all: ridge regression on action, type, difficulty, without pixels" in shown
    all_of_it = next(r for r in results if r["head"] == "baseline-all")
    assert all_of_it["baseline"] == ["action", "type", "difficulty"]
    assert all_of_it["spearman_interval"][0] <= all_of_it["spearman"]
    with (fitted / "runs/eval.csv").open() as file:
        assert {row["head"] for row in csv.DictReader(file)} == set(heads)
    alone = json.loads(aqa("eval", "--no-baseline", "--json").stdout)
    assert {r["head"] for r in alone["results"]} == {"knowing", "svr"}


def test_results_say_who_was_told_the_difficulty(aqa) -> None:
    table = aqa("eval", "--no-baseline").stdout
    assert "knowing x difficulty" in table
    results = json.loads(aqa("eval", "--no-baseline", "--json").stdout)
    scored = [r for r in results["results"] if r["kind"] == "scores"]
    told = [r for r in scored if r.get("difficulty") == "multiply"]
    unaware = [r for r in scored if "difficulty" not in r]
    assert (len(told), len(unaware)) == (2, 2)
    assert max(r["mse"] for r in told) < min(r["mse"] for r in unaware)
    means = {m.get("difficulty"): m["splits"] for m in results["means"]}
    assert means == {"multiply": 2, None: 2}


def test_eval_by_action(aqa, fitted: Path) -> None:
    assert "Fisher z of actions" in aqa("eval", "--by", "action").stdout
    saved = json.loads((fitted / "runs/eval-by-action.json").read_text())
    own = [r for r in saved["results"] if (r["head"], r["split"]) == ("svr", "1")][:5]
    groups = ["all", "dive", "vault", "mean of actions", "Fisher z of actions"]
    assert [r["group"] for r in own] == groups
    assert own[1]["n"] + own[2]["n"] == own[0]["n"] == 20
    means = {m["group"] for m in saved["means"] if m["head"] == "svr"}
    assert means == set(groups)
    with (fitted / "runs/eval-by-action.csv").open() as file:
        assert "group" in next(csv.DictReader(file))


def test_a_split_without_test_videos_stops_no_other(aqa, fitted: Path) -> None:
    aqa("fit", "--head", "svr", "--split", "none", "--split", "1", *QUICK.split(), "--runs", "some")
    said = aqa("eval", "--runs", "some", code=1)
    assert re.search("^split 1, 20 test videos .*\nhead .*\nsvr ", said.stdout, re.MULTILINE)
    assert "not evaluated: manifest.csv: split none has no test videos" in said.stderr
    saved = json.loads((fitted / "some/eval.json").read_text())
    assert {r["split"] for r in saved["results"]} == {"1"}
    assert len(saved["failed"]) == 1
    only = aqa("eval", "--runs", "some", "--split", "none", code=1).output
    assert "Error: manifest.csv: split none has no test videos" in only


def test_compare(aqa, fitted: Path) -> None:
    aqa("eval")
    shown = aqa("compare").stdout
    assert "Spearman, mean of 2 splits, 36 test videos" in shown
    found = json.loads(aqa("compare", "--metric", "mse", "--json").stdout)
    assert list(found["heads"]) == ["knowing", "svr", "baseline-all"]
    assert found["heads"]["knowing"]["difficulty"] == "multiply"
    pair = found["pairs"][0]
    assert (pair["a"], pair["b"], pair["better"]) == ("knowing", "svr", "knowing")
    assert pair["interval"][0] < pair["difference"] < pair["interval"][1] < 0
    assert pair["p_videos"] <= pair["p_holm"] < 0.05
    every = json.loads((fitted / "runs/eval.json").read_text())["results"]
    results = [r for r in every if r["kind"] == "scores"]
    told = [r["mse"] for r in results if r.get("difficulty")]
    unaware = [r["mse"] for r in results if r["head"] == "svr" and "difficulty" not in r]
    assert pair["difference"] == pytest.approx(np.mean(told) - np.mean(unaware))
    with (fitted / "runs/compare-mse.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["interval_low"]) == pair["interval"][0]
    one = aqa("compare", "svr", "baseline-difficulty", "--split", "1").stdout
    assert "split 1, 20 test videos" in one
    assert "p splits" not in one


def test_leaks_stay_marked(aqa, fitted: Path) -> None:
    seen = fitted / "seen.txt"
    seen.write_text("v00\n")
    given = ("--ids", "ids.txt", "--fitted-on", "seen.txt", "--store", "leaky/seen.h5")
    if not (fitted / "leaky/seen.h5").exists():
        aqa("store", "import", "f.npy", *given)
    for head in ("svr", "lstm"):
        quick = QUICK.split() if head == "svr" else ("-p", "epochs=2", "-p", "hidden=4")
        store = ("--store", "leaky/seen.h5", "--runs", "leaky")
        aqa("fit", "--head", head, "--split", "1", *quick, *store)
    aqa("eval", "--runs", "leaky", "--allow-leak")
    assert "LEAK svr: 1 of 1 splits" in aqa("compare", "--runs", "leaky").stdout


def test_baseline_needs_no_store(aqa, tmp_path: Path) -> None:
    shown = aqa("baseline", "difficulty+action", "--split", "1", "--runs", str(tmp_path)).stdout
    assert "baseline-difficulty+action" in shown
    assert (tmp_path / "baseline-difficulty+action/split-1/predictions.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "svr"], "1 evaluated heads that predict scores; it takes 2 or more"),
        (["compare", "svr", "lstm"], "unknown fitted head 'lstm'"),
        (
            ["compare", "siamese", "--runs", "pairs"],
            "siamese predicts pairs or stages, and scores none",
        ),
        (["compare", "--runs", "nowhere"], "nowhere: no fitted heads"),
        (["baseline", "event", "--split", "1"], "unknown baseline column 'event'; known: action"),
        (["baseline"], "split none has no test videos"),
        (["eval", "--by", "type", "--head", "svr", "--split", "9"], "unknown fitted split"),
        (["score", "x.mp4", "--head", "knowing"], "give the difficulty of the video, as --diff"),
        (["feedback", "f.npy", "--head", "knowing"], "give the difficulty of the video, as --diff"),
    ],
)
def test_what_is_refused_and_how(aqa, arguments: list[str], expected: str) -> None:
    assert expected in aqa(*arguments, code=2 if expected.startswith("unknown") else 1).output


def test_a_head_of_several_actions_asks_for_one(aqa) -> None:
    aqa(
        "fit",
        "--head",
        "svr",
        "--split",
        "1",
        *QUICK.split(),
        "-p",
        "scale=action",
        "--runs",
        "scaled",
    )
    for command in (["score", "x.mp4"], ["feedback", "f.npy", "--head", "svr"]):
        said = aqa(*command, "--runs", "scaled", code=1).output
        assert "fitted on several actions; give that of the video, with --action" in said
        told = aqa(*command, "--runs", "scaled", "--action", "dive", code=1).output
        assert "were imported" in told


def test_difficulty_that_the_manifest_lacks(aqa, fitted: Path, tmp_path: Path) -> None:
    rows, _ = rows_of(np.random.default_rng(0))
    rows[1]["difficulty"] = ""
    write_manifest(tmp_path / "m.csv", rows)
    told = ("--manifest", str(tmp_path / "m.csv"), "-p", "difficulty=input", "--runs", "gaps")
    said = aqa("fit", "--head", "svr", "--split", "1", *QUICK.split(), *told, code=1).output
    assert "svr on split 1 of" in said
    assert "difficulty=input takes the difficulty of every video, and 1 of 40 have none" in said


def test_runs_of_other_videos_are_not_compared(aqa, fitted: Path, tmp_path: Path) -> None:
    rows, _ = rows_of(np.random.default_rng(0))
    rows[0]["split_1"] = ""
    write_manifest(tmp_path / "m.csv", rows)
    aqa("eval", "--head", "svr", "--split", "1", "--manifest", str(tmp_path / "m.csv"))
    said = aqa("compare", "knowing", "svr", "--split", "1", code=1).output
    assert (
        "runs/knowing/split-1 and runs/svr/split-1 were evaluated on different test videos" in said
    )
    assert "only, v00; run `aqa eval` again for both" in said
    aqa("eval")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lstm", "'lstm' is another head; choose a name"), ("a/b", "'a/b': use letters, digits")],
)
def test_a_name_is_a_folder_of_its_own(aqa, name: str, expected: str) -> None:
    assert expected in aqa("fit", "--head", "svr", "--name", name, code=2).output

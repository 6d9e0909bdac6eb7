"""Heads that take more than features, as typed: what they learn from, need and tell."""

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

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.cli import main
from aqa.evaluation.metric import KINDS
from aqa.features.store import import_arrays
from aqa.models.trust.score_range import QUANTILES

QUICK = ["-p", "epochs=20", "-p", "lr=0.01", "-p", "device=cpu"]
N = 40


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 videos of four clips with judges, difficulty, positions and stages."""
    root = tmp_path_factory.mktemp("columns")
    rng = np.random.default_rng(0)
    skill, difficulty = rng.uniform(4, 9, N), rng.uniform(2, 4, N).round(1)
    arrays, rows = {}, []
    for i in range(N):
        x = np.outer(np.ones(4), [skill[i], difficulty[i], i % 2])
        arrays[f"v{i:02d}"] = x + rng.normal(scale=0.05, size=x.shape)
        marks = np.round(2 * (skill[i] + rng.normal(scale=0.2, size=5))) / 2
        rows.append(
            {
                "video_id": f"v{i:02d}",
                "path": "",
                "score": round(float(difficulty[i] * sum(sorted(marks)[1:4])), 2),
                "difficulty": difficulty[i],
                "position": ("pike", "tuck")[i % 2],
                **{f"judge_{j}": mark for j, mark in enumerate(marks, start=1)},
                **{"stage_flight": 0, "stage_entry": 2},
                "split_1": "test" if i % 4 == 0 else "train",
                "split_2": "test" if i % 4 == 1 else "val" if i % 4 == 2 else "train",
            }
        )
    import_arrays(root / "stores" / "s.h5", arrays, source="made")
    write_manifest(root / "manifest.csv", rows)
    for head, more in (("usdl", QUICK), ("musdl", QUICK), ("mtl", QUICK), ("s3d", ["-p", "C=10"])):
        result = CliRunner().invoke(main, ["-C", str(root), "fit", "--head", head, *more])
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def aqa(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(dataset)
    return run_aqa


def without(dataset: Path, column: str) -> str:
    """A manifest that lacks the columns of this name."""
    rows = [
        {name: text for name, text in video.row.items() if not name.startswith(column)}
        for video in Manifest.read(dataset / "manifest.csv")
    ]
    path = dataset / f"no-{column}.csv"
    write_manifest(path, rows)
    return path.name


def test_scores_intervals_and_attributes_have_tables_of_their_own(aqa, dataset: Path) -> None:
    shown = aqa("eval").output
    for title in ("Spearman", "in 80 %", "width of 80 %", "somersaults"):
        assert title in shown
    results = json.loads((dataset / "runs/eval.json").read_text())["results"]
    kinds = {kind: {r["head"] for r in results if r["kind"] == kind} for kind in KINDS}
    assert kinds["scores"] - {"baseline-difficulty"} == {"usdl", "musdl", "mtl", "s3d"}
    assert kinds["coverage"] == {"usdl", "musdl", "mtl", "s3d"}
    assert kinds["attributes"] == {"mtl"}
    told = next(r for r in results if r["kind"] == "attributes")
    assert told["position"] > 0.8
    assert told["twists"] is None
    with (dataset / "runs/eval-coverage.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 8


def test_intervals_of_scores_that_the_difficulty_multiplies(aqa, dataset: Path) -> None:
    """`musdl` as published: marks give the execution, the known difficulty the score."""
    told = ("--runs", "told")
    aqa("fit", "--head", "musdl", *QUICK, "-p", "difficulty=multiply", *told)
    results = json.loads(aqa("eval", *told, "--json").stdout)["results"]
    own = [r for r in results if r["head"] == "musdl" and r["split"] == "1"]
    assert {r["kind"] for r in own} == {"scores", "coverage"}
    with (dataset / "told/musdl/split-1/predictions.csv").open() as file:
        for row in csv.DictReader(file):
            assert float(row["quantile_0.025"]) < float(row["predicted"])
            assert float(row["predicted"]) < float(row["quantile_0.975"])
    aqa("fit", "--head", "mtl", *QUICK, "-p", "difficulty=multiply", *told)
    results = json.loads(aqa("eval", "--head", "mtl", *told, "--json").stdout)["results"]
    assert "attributes" in {r["kind"] for r in results}


def test_predictions_hold_what_coverage_is_counted_from(aqa, dataset: Path) -> None:
    aqa("eval", "--head", "usdl", "--split", "1")
    run = dataset / "runs/usdl/split-1"
    with (run / "predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    inside = [
        float(row["quantile_0.1"]) <= float(row["score"]) <= float(row["quantile_0.9"])
        for row in rows
    ]
    coverage = json.loads((run / "metrics.json").read_text())["test"]["coverage"]
    assert coverage["coverage_80"] == np.mean(inside)
    assert {f"below_{q:g}" for q in QUANTILES} <= coverage.keys()


@pytest.mark.parametrize(("head", "column"), [("musdl", "judge_"), ("mtl", "position")])
def test_what_was_learned_from_need_not_be_known_to_predict(
    aqa, dataset: Path, head: str, column: str
) -> None:
    results = [
        json.loads(aqa("eval", "--head", head, "--json", "--manifest", manifest).stdout)["results"]
        for manifest in ("manifest.csv", without(dataset, column))
    ]
    scores = [[r for r in found if r["kind"] == "scores"] for found in results]
    assert scores[0] == scores[1]


@pytest.mark.parametrize(
    ("head", "column", "problem"),
    [
        ("musdl", "judge_", "musdl on split 1 of .*: 30 of 30 videos have no judges .* judge_1, "),
        ("mtl", "position", "no training video has any of the attributes position, "),
        ("s3d", "stage_", "30 of 30 videos have no stages .* columns stage_<name>"),
    ],
)
def test_a_column_that_is_missing_is_named(
    aqa, dataset: Path, head: str, column: str, problem: str
) -> None:
    manifest = without(dataset, column)
    before = (dataset / f"runs/{head}/split-1/run.json").read_bytes()
    output = aqa("fit", "--head", head, "--manifest", manifest, code=1).output
    assert re.search(problem, output)
    assert (dataset / f"runs/{head}/split-1/run.json").read_bytes() == before


def test_a_column_that_predicting_takes_is_named_with_the_run(aqa, dataset: Path) -> None:
    output = aqa("eval", "--head", "s3d", "--manifest", without(dataset, "stage_"), code=1).output
    assert "runs/s3d/split-1 on no-stage_.csv: 30 of 30 videos have no stages (v" in output


def test_new_videos(tmp_path: Path, run_aqa, numbered_video: Callable[..., Path]) -> None:
    """The store's frames of clips reach a head that takes them; what is not known is named."""
    rows = [
        {
            "video_id": f"v{n}",
            "path": numbered_video(n, f"v{n}.avi").name,
            "score": n,
            "stage_flight": 4,
            "split_1": "train" if n < 48 else "test",
        }
        for n in range(20, 52, 4)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    where = ("-C", str(tmp_path))
    run_aqa(*where, "extract", "--backbone", "tiny3d", "--device", "cpu")
    fractions = ["-p", "bounds=fractions", "-p", "fractions=0,0.7", "-p", "C=1", "-p", "folds=2"]
    run_aqa(*where, "fit", "--head", "s3d", *fractions)
    run_aqa(*where, "fit", "--head", "s3d", *fractions[4:], "--runs", str(tmp_path / "by-hand"))
    run_aqa(*where, "eval", "--head", "s3d")
    with (tmp_path / "runs/s3d/split-1/predictions.csv").open() as file:
        predicted = {row["video_id"]: float(row["predicted"]) for row in csv.DictReader(file)}
    video = str(tmp_path / "new.avi")  # one of the manifest has its stages
    shutil.copy(tmp_path / "v48.avi", video)
    scored = json.loads(run_aqa(*where, "score", video, "--head", "s3d", "--json").stdout)
    assert scored["scores"][0]["score"] == pytest.approx(predicted["v48"], rel=1e-4)
    by_hand = run_aqa(*where, "score", video, "--runs", str(tmp_path / "by-hand"), code=1)
    assert "1 of 1 videos have no stages" in by_hand.output

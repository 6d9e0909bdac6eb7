"""Ranges and likeness from a fit on: in the run, in results, and told of a new video."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.cli import main
from aqa.errors import ChangedError
from aqa.evaluation.evaluate import evaluate_run
from aqa.features.store import FeatureStore
from aqa.features.video_features import of_store
from aqa.models.examples import Features, example_of
from aqa.models.runs import Run, load_run
from aqa.workflows.trust import trust_in, unlike_training

N = 90
QUICK = "-p C=10 -p epsilon=0.1 -p gamma=0.01"


def told(folder: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["-C", str(folder), *arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety videos of features that tell their scores, but for noise; split 1 tests thirty."""
    folder, rng = tmp_path_factory.mktemp("trust"), np.random.default_rng(3)
    scores = rng.uniform(30, 90, N)
    axes = rng.normal(size=(2, 12))
    means = np.stack([(scores - 60) / 20, rng.normal(size=N)], 1) @ axes
    features = means + 0.1 * rng.normal(size=(N, 12))
    write_manifest(
        folder / "manifest.csv",
        [
            {
                "video_id": f"v{i:02}",
                "path": "",
                "score": round(float(score), 2),
                "split_1": "test" if i % 3 == 0 else "train",
            }
            for i, score in enumerate(scores)
        ],
    )
    np.save(folder / "f.npy", features.astype(np.float32))
    (folder / "ids.txt").write_text("\n".join(f"v{i:02}" for i in range(N)))
    told(folder, *["store", "import", "f.npy", "--ids", "ids.txt", "--store", "stores/f.h5"])
    told(folder, *f"fit --head svr --split 1 {QUICK}".split())
    told(folder, *f"fit --head svr --split 1 {QUICK} --no-ranges --name bare".split())
    return folder


@pytest.fixture(scope="module")
def run(workspace: Path) -> Run:
    return load_run(workspace / "runs/svr/split-1")


def test_the_range_comes_from_thirds_that_a_fit_had_not_seen(run: Run) -> None:
    found = run.score_range
    assert found is not None
    assert found.videos == 60
    assert found.source == "training videos, in thirds that a fit had not seen"
    assert 0 < found.half_widths[50] < found.half_widths[80] < found.half_widths[95]


def test_a_range_is_measured_on_athletes_whom_no_fit_knew(workspace: Path) -> None:
    with (workspace / "manifest.csv").open(newline="") as file:
        rows = [row | {"athlete": f"a{k % 11}"} for k, row in enumerate(csv.DictReader(file))]
    write_manifest(workspace / "athletes.csv", rows)
    fit = f"fit --head svr --split 1 {QUICK} --name known --manifest {workspace / 'athletes.csv'}"
    told(workspace, *fit.split())
    known = load_run(workspace / "runs/known/split-1").score_range
    plain = load_run(workspace / "runs/svr/split-1").score_range
    assert known is not None
    assert plain is not None
    assert known.source == f"{plain.source} (no athlete in two of them)"
    assert known.half_widths != plain.half_widths


def test_no_ranges_learns_none_but_the_likeness(workspace: Path) -> None:
    bare = load_run(workspace / "runs/bare/split-1")
    assert bare.score_range is None
    assert bare.likeness is not None
    assert bounds(workspace, [bare]) is None


def test_features_of_a_network_that_has_seen_the_videos_teach_no_range(workspace: Path) -> None:
    (workspace / "seen.txt").write_text("v01\nv02\nv03")  # v03 is tested
    store = ["--store", "seen.h5"]
    told(workspace, "store", "import", "f.npy", "--ids=ids.txt", "--fitted-on=seen.txt", *store)
    said = told(workspace, *f"fit --head svr --split 1 {QUICK} --name seen".split(), *store)
    why = "the network behind seen.h5 has learned from 2 of the 60 training videos"
    assert f"split 1: {why}" in " ".join(said.split())
    run = load_run(workspace / "runs" / "seen" / "split-1")
    assert run.score_range is None
    assert run.likeness is not None
    assert run.record["no_range"] == why


def test_eval_says_how_often_the_range_holds(workspace: Path) -> None:
    shown = told(workspace, "eval", "--head", "svr")
    assert "how often the score lies in the interval" in shown
    metrics = json.loads((workspace / "runs/svr/split-1/metrics.json").read_text())
    assert 0.6 <= metrics["test"]["coverage"]["coverage_80"] <= 1
    with (workspace / "runs/svr/split-1/predictions.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    half = load_run(workspace / "runs/svr/split-1").score_range.half_widths[80]  # type: ignore[union-attr]
    for row in rows:
        assert float(row["quantile_0.9"]) - float(row["predicted"]) == pytest.approx(half)
    assert "in the interval" not in told(workspace, "eval", "--head", "bare")


def bounds(workspace: Path, runs: list[Run], score: float = 50.0) -> tuple[float, float] | None:
    """Of a video of which every run says this score."""
    video = Manifest.read(workspace / "manifest.csv").by_id["v00"]
    with FeatureStore.open(workspace / "stores/f.h5") as store:
        seen = of_store(store, "v00")
    return trust_in(runs, {run.split: score for run in runs}, video, seen).bounds


def test_a_video_like_the_others_is_trusted_and_another_is_not(run: Run, workspace: Path) -> None:
    features = np.load(workspace / "f.npy")
    assert unlike_training([run], features[:1]) == ""
    assert "do not trust this score" in unlike_training([run], features[:1] + 5)
    half = run.score_range.half_widths[80]  # type: ignore[union-attr]
    assert bounds(workspace, [run]) == pytest.approx((50 - half, 50 + half))


def test_most_runs_decide(run: Run, workspace: Path) -> None:
    far = np.load(workspace / "f.npy")[:1] + 5
    blind = replace(run, record={**run.record, "hashes": {}})
    assert unlike_training([run, blind], far)
    assert unlike_training([blind], far) == ""
    unknown = replace(run, record={**run.record, "range": None})
    assert bounds(workspace, [run, unknown]) is None


@pytest.mark.parametrize("margins", [None, {"50": -1.0, "80": -1.0, "95": 2.0}])
def test_of_a_head_that_says_its_own_bounds_eval_and_score_tell_one_range(
    workspace: Path, margins: dict[str, float] | None
) -> None:
    folder = workspace / "runs/usdl/split-1"
    if not folder.exists():
        fit = "fit --head usdl --split 1 -p epochs=15 -p width_1=8 -p width_2=8"
        told(workspace, *fit.split())
    run, manifest = load_run(folder), Manifest.read(workspace / "manifest.csv")
    assert "quantiles" in run.head.gives
    run = replace(run, record={**run.record, "range": {**run.record["range"], "margins": margins}})
    video, head, known = manifest.by_id["v00"], run.head, run.score_range
    assert known is not None
    with FeatureStore.open(workspace / "stores/f.h5") as store:
        seen = of_store(store, "v00")
        found = evaluate_run(run, manifest.split("1"), manifest, Features.of(store), ("test",))
    rows = {row["video_id"]: row for row in found["test"].rows}
    score = rows["v00"]["predicted"]
    expected = score - known.half_widths[80], score + known.half_widths[80]
    if margins is not None:
        said = example_of(video, seen.features, seen.clips, ())
        ((low, high),) = head.quantiles(said, [0.1, 0.9])  # type: ignore[attr-defined]
        expected = min(low + 1, score), max(high - 1, score)
    assert trust_in([run], {"1": score}, video, seen).bounds == pytest.approx(expected, rel=1e-4)
    bounds = [rows["v00"][name] for name in ("quantile_0.1", "quantile_0.9")]
    assert bounds == pytest.approx(expected, rel=1e-4)
    widths = [row["quantile_0.9"] - row["quantile_0.1"] for row in rows.values()]
    assert bool(np.ptp(widths) > 0.01) is (margins is not None)


def test_a_changed_file_is_refused(workspace: Path, tmp_path: Path) -> None:
    copy = tmp_path / "svr" / "split-1"
    shutil.copytree(workspace / "runs/svr/split-1", copy)
    data = bytearray((copy / "likeness.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "likeness.safetensors").write_bytes(data)
    with pytest.raises(ChangedError, match=r"likeness\.safetensors: it is not the file"):
        _ = load_run(copy).likeness

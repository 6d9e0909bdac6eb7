"""Saved runs on the test videos of their splits."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.cli import main
from aqa.evaluation.evaluate_runs import evaluate_runs
from aqa.features.store import import_arrays
from aqa.models.runs import RunError

N, TRAIN, VAL, TEST = 24, 12, 4, 8
BRIEF = ("-p", "epochs=2", "-p", "hidden=4", "-p", "device=cpu")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve videos to learn from, four to stop by, eight to test, and three folds of the same."""
    root = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 100, N).round(2)
    parts = ["train"] * TRAIN + ["val"] * VAL + ["test"] * TEST
    rows = [
        {
            "video_id": f"v{k:02d}",
            "path": "",
            "score": scores[k],
            "split_1": parts[k],
            **{f"split_fold{f}": "test" if k % 3 == f else "train" for f in range(3)},
        }
        for k in range(N)
    ]
    x = scores[:, None] / 100 + rng.normal(scale=0.1, size=(N, 3))
    write_manifest(root / "manifest.csv", rows)
    import_arrays(root / "stores/s.h5", {f"v{k:02d}": x[k : k + 1] for k in range(N)}, source="x")
    svr = ("-p", "C=10", "-p", "epsilon=0.1", "-p", "gamma=1")
    for command in (
        ("--head", "siamese", "--split", "1", *BRIEF),
        ("--head", "svr", "--split", "fold", *svr),
    ):
        result = CliRunner().invoke(main, ["-C", str(root), "fit", *command])
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture
def evaluated(fitted: Path) -> Callable:
    manifest = Manifest.read(fitted / "manifest.csv")

    def evaluate(head: str, *splits: str, **options):
        folders = [fitted / "runs" / head / f"split-{split}" for split in splits]
        return evaluate_runs(folders, manifest, **options)

    return evaluate


def test_every_pair_counts_once_in_its_part(evaluated: Callable, fitted: Path) -> None:
    found = {one.part: one for one in evaluated("siamese", "1").results}
    expected = {
        "held-out": VAL * (VAL - 1) // 2 + VAL * TRAIN,
        "test": TEST * (TEST - 1) // 2,
        "test-train": TEST * TRAIN,
    }
    assert {part: one.n for part, one in found.items()} == expected
    for one in found.values():
        assert one.counts["similar"] + one.counts["dissimilar"] == one.n
    metrics = json.loads((fitted / "runs/siamese/split-1/metrics.json").read_text())
    assert metrics["train"]["n"] == TRAIN * (TRAIN - 1) // 2
    with (fitted / "runs/siamese/split-1/predictions.csv").open() as file:
        assert {row["part"] for row in csv.DictReader(file)} == set(expected)


def test_training_videos_that_a_run_stopped_by_are_shown_as_that(
    evaluated: Callable, fitted: Path
) -> None:
    folder = fitted / "stopped/svr/split-fold0"
    shutil.copytree(fitted / "runs/svr/split-fold0", folder)
    record = json.loads((folder / "run.json").read_text())
    split = record["split"]
    split["train"], split["val"] = split["train"][2:], split["train"][:2]
    record["store"]["path"] = "../../../stores/s.h5"
    (folder / "run.json").write_text(json.dumps(record))
    evaluate_runs([folder], Manifest.read(fitted / "manifest.csv"))
    with (folder / "predictions.csv").open() as file:
        rows = [(row["video_id"], row["part"]) for row in csv.DictReader(file)]
    assert {i for i, part in rows if part == "val"} == set(split["val"])
    assert {i for i, part in rows if part == "train"} == set(split["train"])
    assert {i for i, part in rows if part == "test"} == {f"v{k:02d}" for k in range(0, N, 3)}


def test_folds_are_averaged_and_pooled(evaluated: Callable, fitted: Path) -> None:
    found = evaluated("svr", "fold0", "fold1", "fold2")
    with (fitted / "runs/svr/split-fold0/predictions.csv").open() as file:
        assert len(list(csv.DictReader(file))) == N
    errors = [one.values["mse"] for one in found.results]
    (mean,), (pooled,) = found.means, found.pooled
    assert (mean.family, mean.values["mse"]) == ("fold", pytest.approx(np.mean(errors)))
    # Folds of one size: the pooled error is the mean one; ranks are those of all videos.
    assert (pooled.n, pooled.values["mse"]) == (N, pytest.approx(np.mean(errors)))
    assert pooled.values["spearman"] != pytest.approx(mean.values["spearman"])
    rows = found.rows()
    assert [row["split"] for row in rows] == ["fold0", "fold1", "fold2"]
    assert {type(cell) for row in rows for cell in row.values()} <= {str, int, float}


def test_one_that_fails_stops_none_of_the_others(evaluated: Callable, fitted: Path) -> None:
    found = evaluated("svr", "fold0", "nowhere")
    assert [one.split for one in found.results] == ["fold0"]
    assert len(found.failed) == 1
    with pytest.raises(RunError, match="no such file"):
        evaluated("svr", "nowhere")
    with pytest.raises(RunError, match="no fitted head gives feedback"):
        evaluated("svr", "fold0", feedback=True)

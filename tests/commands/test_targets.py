"""--target: several scores a video, from fitting to the tables."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

import aqa as package
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.features.store import FeatureStoreWriter
from aqa.metrics import fisher_z, spearman

SPEC = {
    "backbone": "none",
    "weights": {"name": None, "sha256": None, "fitted_on": None},
    **{"layer": "last", "shape": [4], "dtype": "float32", "clip_length": 16},
    **{"stride": 16, "frames": None, "padding": "front", "tail": "shift"},
    "preprocess": None,
}
N = 36
SVR = ("--head", "svr", "-p", "C=10", "-p", "epsilon=0.1", "-p", "gamma=0.1")
ONCE = ("-p", "epochs=1", "-p", "device=cpu")
# Videos without a technical score: one of each part.
GAPS = {"v03": "train", "v30": "test"}


def make(folder: Path, gaps: bool) -> None:
    """36 videos whose two scores are two of their features; the score is their sum."""
    rng = np.random.default_rng(0)
    rows, path = [], folder / "stores" / "four.h5"
    with FeatureStoreWriter(path, SPEC, blank=np.zeros(4, np.float32)) as store:
        for i in range(N):
            video_id = f"v{i:02d}"
            tes, pcs, difficulty = rng.uniform([10, 0.1, 1], [60, 0.9, 4])
            seen = np.array([tes / 60, pcs, rng.normal(), difficulty / 4])
            features = seen + rng.normal(scale=0.05, size=(3, 4))
            ranges = [(0, 16), (16, 32), (32, 48)]
            store.append(video_id, [(features.astype(np.float32), ranges)], n_frames=48)
            rows.append(
                {
                    **{"video_id": video_id, "path": "", "score": round(tes + pcs, 3)},
                    "score_tes": "" if gaps and video_id in GAPS else round(tes, 3),
                    **{"score_pcs": round(pcs, 4), "difficulty": round(difficulty, 1)},
                    **{"judge_1": 5, "type": "abc"[i % 3]},
                    "split_1": "train" if i < 24 else "test",
                    "split_2": "test" if i < 12 else "train",
                }
            )
    write_manifest(folder / "manifest.csv", rows)


@pytest.fixture
def aqa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    make(tmp_path, gaps=False)
    return run_aqa


@pytest.fixture
def with_gaps(aqa: Callable[..., Result], tmp_path: Path) -> Callable[..., Result]:
    (tmp_path / "stores" / "four.h5").unlink()
    make(tmp_path, gaps=True)
    return aqa


def results(aqa: Callable[..., Result], *options: str) -> dict[tuple[str, str], dict]:
    """What `aqa eval` gives of split 1, by head and target."""
    found = json.loads(aqa("eval", "--split", "1", "--json", *options).stdout)["results"]
    scored = [one for one in found if one["kind"] == "scores"]
    return {(one["head"], one.get("target", "score")): one for one in scored}


def predictions(folder: str) -> tuple[np.ndarray, np.ndarray]:
    with Path(f"runs/{folder}/predictions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "test"]
    true, predicted = ([float(row[name]) for row in rows] for name in ("score", "predicted"))
    return np.array(true), np.array(predicted)


def test_each_target_has_runs_of_its_own(aqa: Callable[..., Result]) -> None:
    told = aqa("fit", *SVR, "--target", "all").stdout
    folders = [f"runs/svr@{target}/split-{split}" for target in ("tes", "pcs") for split in "12"]
    assert [line.partition(":")[0] for line in told.splitlines()] == folders
    for folder in folders:
        record = json.loads(Path(folder, "run.json").read_text())
        assert record["target"] == folder.partition("@")[2].partition("/")[0]
        assert list(record["hashes"]["columns"]) == [f"score_{record['target']}"]
    aqa("fit", *SVR)
    record = json.loads(Path("runs/svr/split-1/run.json").read_text())
    assert "target" not in record
    assert list(record["hashes"]["columns"]) == ["score"]


def test_the_table_has_a_row_for_each_target_and_their_means(
    aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    aqa("fit", *SVR, "--target", "all", "--target", "score", "--target", "difficulty")
    found = results(aqa, "--no-baseline")
    assert [target for _, target in found] == [
        *("score", "tes", "pcs", "difficulty", "mean of 2", "Fisher z of 2"),
    ]
    each = []
    for target in ("tes", "pcs"):
        each.append(float(spearman(*predictions(f"svr@{target}/split-1"))))
        assert found["svr", target]["spearman"] == pytest.approx(each[-1])
    mean, z = found["svr", "mean of 2"], found["svr", "Fisher z of 2"]
    assert mean["spearman"] == pytest.approx(sum(each) / 2)
    assert z["spearman"] == pytest.approx(float(fisher_z(each)))
    true, predicted = predictions("svr@pcs/split-1")
    whole = [video.score for video in Manifest.read("manifest.csv").of_target("pcs")]
    distance = ((true - predicted) / (max(whole) - min(whole))) ** 2
    assert found["svr", "pcs"]["relative_l2"] == pytest.approx(100 * distance.mean())
    shown = aqa("eval", "--split", "1", "--no-baseline").stdout
    scored = shown.partition("how often the score lies")[0].splitlines()
    rows = {line.split()[1]: line.split() for line in scored if line[:4] == "svr "}
    assert float(rows["pcs"][2]) == pytest.approx(each[1], abs=5e-4)
    assert "mean of 2" in shown
    both = aqa("eval", "--no-baseline").stdout
    assert "mean of 2 splits" in both
    assert "mean of 2" in both


def test_the_digits_follow_each_targets_range(
    aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    aqa("fit", *SVR, "--target", "all")
    shown = aqa("eval", "--split", "1", "--no-baseline").stdout
    scored = shown.partition("how often the score lies")[0].splitlines()
    rows = {line.split()[1]: line.split() for line in scored if line[:4] == "svr "}
    tes_mse, pcs_mse = (rows[target][5] for target in ("tes", "pcs"))
    assert len(tes_mse.partition(".")[2]) == 1
    assert len(pcs_mse.partition(".")[2]) > 2


def test_one_target_alone(aqa: Callable[..., Result]) -> None:
    aqa("fit", *SVR, "--target", "all")
    aqa("fit", *SVR)
    assert [*results(aqa, "--no-baseline", "--target", "tes")] == [("svr", "tes")]
    assert Path("runs/eval-target-tes-split-1.json").exists()
    assert len(results(aqa, "--no-baseline", "--head", "svr")) == 5
    assert ("svr", "score") not in results(aqa, "--no-baseline", "--target", "all")
    assert [*results(aqa, "--no-baseline", "--head", "svr@pcs")] == [("svr", "pcs")]
    said = aqa("eval", "--target", "ss", code=2).output
    assert "unknown fitted target 'ss'; known: score, pcs, tes" in said
    aqa("fit", "--head", "average", *ONCE, "--split", "1")
    assert (
        "average is not fitted to tes"
        in aqa(*("eval", "--head", "average", "--target", "tes"), code=1).output
    )


def test_heads_are_compared_target_by_target(aqa: Callable[..., Result]) -> None:
    for more in ((), ("--name", "smooth", "-p", "gamma=0.01")):
        options = SVR[:6] if more else SVR
        aqa("fit", *options, *more, "--target", "all", "--split", "1")
    aqa("eval", "--no-baseline")
    compared = json.loads(aqa("compare", "--json").stdout)
    assert {key: one["target"] for key, one in compared.items()} == {
        "numbered@pcs": "pcs",
        "numbered@tes": "tes",
    }
    for target, one in ((one["target"], one) for one in compared.values()):
        assert set(one["heads"]) == {f"svr@{target}", f"smooth@{target}"}
        assert Path(f"runs/compare-target-{target}.json").exists()
    against = json.loads(aqa("compare", "--against", "svr", "--json").stdout)
    found = {key: [(pair["a"], pair["b"]) for pair in one["pairs"]] for key, one in against.items()}
    assert found == {
        f"numbered@{target}": [(f"smooth@{target}", f"svr@{target}")] for target in ("pcs", "tes")
    }
    assert "'nosuch'" in aqa("compare", "--against", "nosuch", code=2).output
    shown = aqa("compare", "--target", "tes").stdout
    assert "Spearman of tes" in shown
    assert "pcs" not in shown
    said = aqa("compare", "svr@tes", "smooth@pcs", code=1).output
    assert "no two evaluated heads predict the same target: smooth@pcs, svr@tes" in said


def test_the_baseline_of_a_target(aqa: Callable[..., Result]) -> None:
    told = aqa("baseline", "--target", "all", "--target", "difficulty", "--json").stdout
    found = json.loads(told)["results"]
    seen = {(one["head"], one["target"]): one for one in found}
    assert ("baseline-difficulty", "tes") in seen
    assert ("baseline-difficulty", "difficulty") not in seen
    assert ("baseline-type", "mean of 2") in seen
    assert Path("runs/baseline-type@pcs/split-1/predictions.csv").exists()
    true, _ = predictions("baseline-type@pcs/split-1")
    table = Manifest.read("manifest.csv").of_target("pcs")
    assert true.tolist() == [table.by_id[i].score for i in table.split("1").test]


def test_gaps_are_named_or_left_out(with_gaps: Callable[..., Result]) -> None:
    aqa = with_gaps
    every = ("--target", "pcs", "--target", "tes", "--split", "1")
    said = aqa("fit", *SVR, *every, code=1).output
    assert "no score_tes for 1 of 24 videos of split 1: v03" in said
    assert not Path("runs").exists()  # the first target was not fitted before the second is seen
    told = aqa("fit", *SVR, "--target", "all", "--split", "1", "--skip-incomplete").stdout
    assert "left out 1 training or validation video: v03 (no score_tes)" in told
    said = aqa("eval", "--no-baseline", code=1).output
    assert "no score_tes for 1 of 35 videos of split 1: v30" in said
    found = results(aqa, "--skip-incomplete", "--no-baseline")
    assert (found["svr", "tes"]["n"], found["svr", "pcs"]["n"]) == (11, 12)
    mean = found["svr", "mean of 2"]
    assert mean["n"] == 12
    assert mean["spearman_interval"] is None
    said = aqa("baseline", "--target", "tes", code=1).output
    assert "no score_tes for 2 of 36 videos" in said
    aqa("baseline", "--target", "tes", "--skip-incomplete")


def test_new_training_videos_without_the_score_are_left_out(aqa: Callable[..., Result]) -> None:
    aqa("fit", *SVR, "--target", "tes", "--split", "1")
    path = Path("manifest.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    with FeatureStoreWriter(Path("stores/four.h5"), SPEC) as store:
        store.append("new", [(np.zeros((1, 4), np.float32), [(0, 16)])], n_frames=16)
    new = {"video_id": "new", "score_tes": "", "split_1": "train"}
    write_manifest(path, [*rows, {**rows[0], **new}])
    before = results(aqa, "--no-baseline", "--skip-incomplete")["svr", "tes"]
    assert before["n"] == 12
    said = aqa("eval", "--no-baseline", code=1).output
    assert "no score_tes for 1 of 37 videos of split 1: new; fill the column, or leave" in said


def test_a_changed_target_is_found_out(aqa: Callable[..., Result]) -> None:
    aqa("fit", *SVR, "--target", "all", "--split", "1")
    path = Path("manifest.csv")
    rows = list(csv.DictReader(path.read_text().splitlines()))
    rows[0]["score_tes"] = "99"
    write_manifest(path, rows)
    said = aqa("eval", "--no-baseline", code=1).output
    assert "column score_tes of manifest.csv has changed for 1 of the 24 videos" in said
    assert [*results_of_the_others(aqa)] == ["pcs"]


def results_of_the_others(aqa: Callable[..., Result]) -> list[str]:
    found = json.loads(aqa("eval", "--json", "--no-baseline", code=1).stdout)
    return [one["target"] for one in found["results"] if one["kind"] == "scores"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "difficulty", "-p", "difficulty=multiply"), "leave out -p difficulty=multip"),
        (("--target", "difficulty", "-p", "difficulty=input"), "leave out -p difficulty=input"),
        (("--target", "tes", "--name", "a@b"), "use letters, digits"),
        (("--target", "all", "--target", "nothing"), "unknown target 'nothing'"),
        (("--target", "type"), "it holds 3 different values"),
    ],
)
def test_what_is_refused(options: tuple[str, ...], said: str, aqa: Callable[..., Result]) -> None:
    result = aqa("fit", *SVR, *options, code=1 if "different values" in said else 2)
    assert said in result.output
    assert not Path("runs").exists()


def test_heads_that_make_or_are_told_the_target_are_refused(aqa: Callable[..., Result]) -> None:
    said = aqa("fit", "--head", "scoringnet", *ONCE, "--target", "tes", code=2).output
    assert "makes the score of difficulty and execution, and cannot predict tes" in said
    core = ("--head", "core", *ONCE, "-p", "group=difficulty")
    said = aqa("fit", *core, "--target", "difficulty", code=2).output
    assert "is told the difficulty that it is to predict" in said
    said = aqa("fit", "--head", "kfs", *ONCE, "--target", "tes", code=2).output
    assert "tells stages and predicts no tes" in said


def test_a_head_whose_file_has_the_sign_of_targets_is_refused(
    aqa: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "svr@tes.py").write_text(
        "from aqa.models.heads.svr import SVRHead as HEAD\n", encoding="utf-8"
    )
    said = aqa("fit", "--head", "svr@tes.py", code=1).output
    assert "what follows @ is a target" in said
    assert "--name" in said


def test_a_renamed_folder_is_no_run_of_another_target(aqa: Callable[..., Result]) -> None:
    aqa("fit", *SVR, "--target", "tes", "--split", "1")
    Path("runs/svr@tes").rename("runs/svr@pcs")
    said = aqa("eval", code=1).output
    assert "its head predicts tes, but its folder, svr@pcs, is of runs that predict pcs" in said
    assert "rename it svr@tes" in said
    Path("runs/svr@pcs").rename("runs/svr")
    assert "rename it svr@tes" in aqa("eval", code=1).output


def test_a_table_without_the_score(aqa: Callable[..., Result]) -> None:
    path = Path("manifest.csv")
    rows = [
        {name: value for name, value in row.items() if name != "score"}
        for row in csv.DictReader(path.read_text().splitlines())
    ]
    write_manifest(path, rows)
    said = aqa("fit", *SVR, code=2).output
    assert "unknown target 'score'; known: tes, pcs" in said
    aqa("fit", *SVR, "--target", "tes", "--split", "1")
    assert results(aqa)["svr", "tes"]["n"] == 12


def test_from_python(aqa: Callable[..., Result]) -> None:
    runs = package.fit("svr", {"C": 10, "epsilon": 0.1, "gamma": 0.1}, targets="all", splits="1")
    assert [(run.label, run.target) for run in runs] == [("svr", "tes"), ("svr", "pcs")]
    rows = [row for row in package.evaluate("svr", targets="pcs") if row["kind"] == "scores"]
    assert [(row["head"], row["target"]) for row in rows] == [("svr", "pcs")]
    (of_pcs,) = [
        row for row in package.evaluate() if row["target"] == "pcs" and row["kind"] == "scores"
    ]
    assert not math.isnan(of_pcs["spearman"])


def test_a_metric_of_another_target_is_no_start(aqa: Callable[..., Result]) -> None:
    quick = ("-p", "hidden=4", *ONCE, "--split", "1")
    aqa("fit", "--head", "siamese", *quick, "-p", "threshold=5")
    start = ("--head", "score-estimation", "-p", "hidden=4", "-p", "device=cpu", "--split", "1")
    said = aqa("fit", *start, "--from", "runs/siamese", "--target", "tes", code=1).output
    assert "it compares videos by score; fit siamese with --target tes first" in said
    aqa("fit", "--head", "siamese", *quick, "-p", "threshold=5", "--target", "tes")
    aqa("fit", *start, "--from", "runs/siamese", "--target", "tes")
    record = json.loads(Path("runs/score-estimation@tes/split-1/run.json").read_text())
    assert record["from"]["run"].endswith("siamese@tes/split-1")


def test_the_two_scores_of_fis_v(
    aqa: Callable[..., Result], shared: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Real labels on made-up features: every step knows both, and random numbers know neither."""
    labels = shared / "data" / "fis-v"
    if not labels.is_dir():
        pytest.skip(f"{labels} is not here")
    (tmp_path / "fis-v").mkdir()
    monkeypatch.chdir(tmp_path / "fis-v")
    told = aqa("import", "fis-v", str(labels)).stdout
    assert "score_tes 6.33 to 42.81, mean 29.67" in told
    assert "score_pcs 10.48 to 38.28, mean 27.11" in told
    aqa("store", "stand-in", "--clips", "2", "--features", "4")
    aqa("fit", *SVR, "--target", "all")
    found = json.loads(aqa("eval", "--json").stdout)["results"]
    seen = {(one["head"], one["target"]): one for one in found}
    assert all(one["n"] == 100 for one in found)
    low, high = seen["svr", "mean of 2"]["spearman_interval"]
    assert low < 0 < high
    skaters = [seen["baseline-athlete", target]["spearman"] for target in ("tes", "pcs")]
    assert skaters == pytest.approx([0.669, 0.863], abs=5e-4)
    mean = seen["baseline-athlete", "mean of 2"]["spearman"]
    assert mean == pytest.approx(sum(skaters) / 2)


def test_feedback_is_of_one_target(aqa: Callable[..., Result]) -> None:
    aqa("fit", "--head", "average", *ONCE, "--target", "all", "--split", "1")
    said = aqa("feedback", "v30", "--head", "average", code=1).output
    assert "average is fitted to pcs, tes; choose one with --target" in said
    told = aqa("feedback", "v30", "--head", "average", "--target", "pcs").stdout
    assert "runs/average@pcs/split-1" in " ".join(told.split())
    assert "= pcs " in told
    aqa("fit", "--head", "average", *ONCE, "--split", "1")
    told = aqa("feedback", "v30", "--head", "average").stdout  # the score, where it was fitted
    assert "= score " in told

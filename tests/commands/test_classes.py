"""Good or bad, from the command line: fit, eval, compare, baseline and score."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from aqa.annotations.manifest import write_manifest
from aqa.features.store import import_arrays

Aqa = Callable[..., Result]
N, TESTED = 60, 20


def _workspace(root: Path, labels: list[str], **columns: list) -> Path:
    """Videos whose features tell good from bad; the last `TESTED` are tested."""
    rng = np.random.default_rng(0)
    ids = [f"v{k:02}" for k in range(len(labels))]
    first = len(labels) - TESTED
    rows = [
        {
            "video_id": i,
            "path": "",
            "label": labels[k],
            "type": "AB"[k % 2],
            "split_1": "train" if k < first else "test",
            **{name: values[k] for name, values in columns.items()},
        }
        for k, i in enumerate(ids)
    ]
    write_manifest(root / "manifest.csv", rows)
    arrays = {}
    for k, i in enumerate(ids):
        arrays[i] = rng.normal(size=(3, 5)).astype(np.float32)
        arrays[i][:, 0] += 1.5 * (labels[k] == labels[0]) - 0.75
    (root / "stores").mkdir()
    import_arrays(root / "stores" / "drawn.h5", arrays, source="drawn")
    return root


def _labels(good: str = "good", bad: str = "bad", n: int = N) -> list[str]:
    """A third of the videos is good, the first among them."""
    return [good if k % 3 == 0 else bad for k in range(n)]


def _tested(run: Path) -> list[dict[str, str]]:
    with (run / "predictions.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["part"] == "test"]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from aqa.cli import main

    root = _workspace(tmp_path_factory.mktemp("classes"), _labels())
    for head, *params in (("svr",), ("average", "-p", "epochs=15")):
        done = CliRunner().invoke(
            main, ["fit", "-C", str(root), "--head", head, "--target", "label", *params]
        )
        assert done.exit_code == 0, done.output
        said = " ".join(done.stderr.split())
        assert "label has two values, bad and good: learned as classes, good is good" in said
    return root


def test_how_answers_are_read_is_kept_in_the_run(fitted: Path) -> None:
    svr, average = (
        json.loads((fitted / f"runs/{head}@label/split-1/run.json").read_text(encoding="utf-8"))
        for head in ("svr", "average")
    )
    named = {"column": "label", "bad": "bad", "good": "good"}
    assert average["classes"] == {**named, "says": "probability", "threshold": 0.5}
    assert average["params"]["loss"] == "logistic"
    assert svr["classes"].items() >= {**named, "says": "score"}.items()
    assert 0 < svr["classes"]["threshold"] < 1


def test_eval_prints_what_scikit_learn_says_with_intervals(fitted: Path, run_aqa: Aqa) -> None:
    shown = run_aqa("eval", "-C", str(fitted), "--json").stdout
    results = {one["head"]: one for one in json.loads(shown)["results"]}
    for head in ("svr", "average"):
        rows = _tested(fitted / f"runs/{head}@label/split-1")
        good = np.array([row["class"] == "good" for row in rows])
        said = np.array([row["predicted_class"] == "good" for row in rows])
        one = results[head]
        assert (one["kind"], one["target"], one["n"], one["good"]) == ("classes", "label", 20, 6)
        assert one["accuracy"] == pytest.approx(accuracy_score(good, said))
        assert one["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(good, said))
        assert one["f1"] == pytest.approx(f1_score(good, said))
        answers = [float(row["predicted"]) for row in rows]
        assert one["roc_auc"] == pytest.approx(roc_auc_score(good, answers))
        low, high = one["accuracy_interval"]
        assert low < one["accuracy"] < high or high == 1.0
        assert one["chance"] == pytest.approx(14 / 20)
    assert results["baseline-majority"]["accuracy"] == pytest.approx(14 / 20)
    assert results["baseline-majority"]["roc_auc"] == 0.5
    text = run_aqa("eval", "-C", str(fitted)).stdout
    assert "good or bad: split 1, 20 test videos [95 % interval]" in text
    assert "Spearman" not in text
    words = " ".join(text.split())
    assert "split 1: 6 of 20 are good; guessing gives an accuracy of 0.700" in words
    assert (fitted / "runs/eval-classes.csv").exists()


def test_groups_have_a_row_each_and_their_mean(fitted: Path, run_aqa: Aqa) -> None:
    shown = run_aqa("eval", "-C", str(fitted), "--head", "svr", "--by", "type", "--json").stdout
    ours = [one for one in json.loads(shown)["results"] if one["head"] == "svr"]
    every, a, b, mean = ours
    assert [one["group"] for one in ours] == ["all", "A", "B", "mean of types"]
    assert a["n"] + b["n"] == every["n"] == 20
    assert mean["accuracy"] == pytest.approx((a["accuracy"] + b["accuracy"]) / 2)


def test_compare_takes_the_balanced_accuracy(fitted: Path, run_aqa: Aqa) -> None:
    run_aqa("eval", "-C", str(fitted))
    found = json.loads(run_aqa("compare", "-C", str(fitted), "--json").stdout)
    assert (found["metric"], found["kind"]) == ("balanced_accuracy", "classes")
    assert {"svr", "average"} < {name.removesuffix("@label") for name in found["heads"]}
    text = run_aqa("compare", "-C", str(fitted), "--metric", "accuracy", "svr", "average").stdout
    assert "accuracy of label, split 1, 20 test videos" in text
    wrong = run_aqa("compare", "-C", str(fitted), "--metric", "mse", code=2)
    assert "compared by accuracy, balanced_accuracy, f1, roc_auc" in wrong.stderr


def test_baseline_says_the_commoner_class_and_what_columns_tell(fitted: Path, run_aqa: Aqa) -> None:
    shown = run_aqa("baseline", "-C", str(fitted), "--target", "label", "--json").stdout
    results = {one["head"]: one for one in json.loads(shown)["results"]}
    assert list(results) == ["baseline-majority", "baseline-type"]
    assert results["baseline-majority"]["balanced_accuracy"] == 0.5
    assert results["baseline-type"]["kind"] == "classes"


def test_a_column_that_tells_the_class_is_found(tmp_path: Path, run_aqa: Aqa) -> None:
    labels = _labels()
    root = _workspace(tmp_path, labels, event=["x" if one == "good" else "y" for one in labels])
    shown = run_aqa("baseline", "event", "-C", str(root), "--target", "label", "--json").stdout
    (one,) = json.loads(shown)["results"]
    assert (one["accuracy"], one["contains_chance"]) == (1.0, [])


def test_a_score_of_two_values_is_told_and_may_stay_a_score(tmp_path: Path, run_aqa: Aqa) -> None:
    labels = _labels()
    scores = [1 if one == "good" else 0 for one in labels]
    root = _workspace(tmp_path, labels, score=scores)
    fit = ("fit", "-C", str(root), "--head", "svr", "-p", "C=1", "-p", "gamma=0.1")
    assert "score has two values, 0 and 1" in run_aqa(*fit).stderr
    run_aqa(*fit, "--name", "turned", "--good", "0")
    plain = run_aqa(*fit, "--name", "plain", "--good", "none")
    assert "two values" not in plain.stderr
    shown = json.loads(run_aqa("eval", "-C", str(root), "--no-baseline", "--json").stdout)
    results = {one["head"]: one for one in shown["results"] if one["kind"] != "coverage"}
    assert [results[head]["kind"] for head in ("svr", "turned", "plain")] == [
        *("classes", "classes", "scores")
    ]
    assert (results["svr"]["good"], results["turned"]["good"]) == (6, 14)
    assert "spearman" in results["plain"]


def test_runs_are_refused_where_the_labels_have_changed(tmp_path: Path, run_aqa: Aqa) -> None:
    root = _workspace(tmp_path, _labels())
    run_aqa("fit", "-C", str(root), "--head", "svr", "--target", "label")
    table = root / "manifest.csv"
    changed = table.read_text(encoding="utf-8").replace("v00,,good", "v00,,bad")
    table.write_text(changed, encoding="utf-8")
    assert "it was fitted on other data" in run_aqa("eval", "-C", str(root), code=1).stderr


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (["good", "fair", "bad"] * 20, [], "it holds 3 different values, good, fair, bad"),
        (["expert", "novice"] * 30, [], "which of expert and novice is good?"),
        (["bad"] * 40 + ["good"] * 20, [], "split 1: 0 of 40 training videos are good"),
        (_labels(), ["-p", "difficulty=multiply"], "leave out -p difficulty"),
        (_labels(), ["--good", "fine"], "--good fine is none of its values, good and bad"),
    ],
)
def test_a_refusal_is_one_line(
    tmp_path: Path, run_aqa: Aqa, labels: list[str], options: list[str], said: str
) -> None:
    more = {"difficulty": [2.0] * len(labels)} if "difficulty=multiply" in options else {}
    root = _workspace(tmp_path, labels, **more)
    fit = ("fit", "-C", str(root), "--head", "svr", "--target", "label", *options)
    done = run_aqa(*fit, code=1)
    assert said in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == 1
    assert not list(root.glob("runs/*/split-1/run.json"))


def test_nothing_is_fitted_on_test_videos(tmp_path: Path, run_aqa: Aqa) -> None:
    """Other labels of test videos change neither the head nor its threshold."""
    labels = _labels()
    turned = labels[:-TESTED] + ["good" if one == "bad" else "bad" for one in labels[-TESTED:]]
    kept = []
    for name, given in (("a", labels), ("b", turned)):
        (tmp_path / name).mkdir()
        root = _workspace(tmp_path / name, labels)
        table = root / "manifest.csv"
        rows = table.read_text(encoding="utf-8").splitlines()
        for k, label in enumerate(given):
            rows[k + 1] = rows[k + 1].replace(f",{labels[k]},", f",{label},")
        table.write_text("\n".join([*rows, ""]), encoding="utf-8")
        run_aqa("fit", "-C", str(root), "--head", "svr", "--target", "label")
        run = root / "runs/svr@label/split-1"
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        kept.append((record["classes"], (run / "model.safetensors").read_bytes()))
    assert kept[0] == kept[1]


def test_ten_real_squats_are_told_and_new_ones_scored(
    tmp_path: Path, shared: Path, run_aqa: Aqa
) -> None:
    data = shared / "data" / "ui-prmd"
    if not data.exists():
        pytest.skip(f"no {data}")
    where = ("-C", str(tmp_path))
    run_aqa("import", *where, "ui-prmd", str(data))
    run_aqa("extract", *where, "--backbone", "pose", "--quiet")
    run_aqa("split", "kfold", *where, "--folds", "5", "--by", "score")
    run_aqa("fit", *where, "--head", "pose-dft")
    found = json.loads(run_aqa("eval", *where, "--json").stdout)
    pooled = {one["head"]: one for one in found["pooled"]}
    assert (pooled["pose-dft"]["n"], pooled["pose-dft"]["good"]) == (10, 5)
    assert pooled["pose-dft"]["accuracy"] >= 0.8
    assert pooled["baseline-frames"]["accuracy"] >= 0.8  # the length alone tells them
    assert pooled["baseline-majority"]["contains_chance"] == [
        *("accuracy", "balanced_accuracy", "roc_auc")
    ]
    low, _ = pooled["pose-dft"]["accuracy_interval"]
    assert low < 0.75  # ten videos show no more

    files = [str(data / f"m01_s01_e01{name}.npy") for name in ("", "_inc")]
    said = json.loads(run_aqa("score", *where, *files, "--json").stdout)["scores"]
    assert [one["class"] for one in said] == ["1", "0"]
    assert all(one["probability"] is None for one in said)
    assert said[0]["margin"] > 0 > said[1]["margin"]
    assert "above threshold  runs that say so" in run_aqa("score", *where, *files).stdout

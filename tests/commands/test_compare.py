"""The commands that compare with an expert, as typed."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import write_manifest
from aqa.cli import main
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStore, FeatureStoreWriter

BRIEF = ["-p", "epochs=3", "-p", "device=cpu"]
QUICK = [*BRIEF, "-p", "hidden=8"]
N, FRAMES, DIM = 40, 40, 5


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 videos of two types whose second clip may be at fault; three of them have pictures."""
    root = tmp_path_factory.mktemp("compare")
    rng = np.random.default_rng(0)
    faulty = rng.random(N) < 0.5
    clips = ClipRule().clips(FRAMES)
    spec = {
        "backbone": "none",
        "weights": {"name": None, "sha256": None, "fitted_on": None},
        **{"layer": None, "shape": [DIM], "dtype": "float32", "clip_length": 16, "stride": 16},
        **{"frames": None, "padding": "front", "tail": "shift", "preprocess": None},
    }
    rows = []
    with FeatureStoreWriter(root / "stores" / "s.h5", spec, blank=np.zeros(DIM)) as store:
        for i in range(N):
            x = np.full((len(clips), DIM), 0.5) + rng.normal(scale=0.1, size=(len(clips), DIM))
            x[1, 0] -= 3 * faulty[i]
            store.append(f"v{i:02d}", [(x, clips)], n_frames=FRAMES, fps=25.0)
            rows.append(
                {
                    "video_id": f"v{i:02d}",
                    "path": f"v{i:02d}" if i < 4 else "",
                    "score": round(70 - 25 * faulty[i] + rng.normal(), 2),
                    "type": "AB"[i // 4 % 2],
                    "faulty_clips": "1" if faulty[i] else "",
                    "split_1": "test" if i % 4 == 3 else "train",
                    "split_2": "test" if i % 4 == 2 else "train",
                }
            )
    write_manifest(root / "manifest.csv", rows)
    return root


@pytest.fixture
def aqa(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(dataset)
    return run_aqa


@pytest.fixture(scope="module")
def fitted(dataset: Path) -> Path:
    for head, more in (
        ("siamese", ()),
        ("score-estimation", ()),
        ("lstm", ("-p", "label=incremental")),
    ):
        arguments = ["-C", str(dataset), "fit", "--head", head, *QUICK, *more]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
    return dataset


def record(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())


def test_the_record_counts_pairs_and_names_exemplars(fitted: Path) -> None:
    chosen = record(fitted / "runs/score-estimation/split-1")["chosen"]
    assert set(chosen["pairs"]) == {"train", "held_out"}
    assert set(chosen["exemplars"]) == {"A", "B"}
    assert chosen["pairs"] == record(fitted / "runs/siamese/split-1")["chosen"]["pairs"]


def test_held_out_pairs_are_answered_before_they_are_learned_from(aqa, fitted: Path) -> None:
    def pairs(path: Path) -> list[dict[str, str]]:
        with path.open() as file:
            return [row for row in csv.DictReader(file) if row["part"] == "held-out"]

    refitted = fitted / "runs/siamese/split-1"
    before = pairs(refitted / "held_out.csv")
    assert before
    assert not pairs(refitted / "predictions.csv")
    params = [*QUICK, "-p", "refit=false", "--split", "1", "--runs", "once"]
    aqa("fit", "--head", "siamese", *params)
    aqa("eval", "--runs", "once")
    once = pairs(fitted / "once/siamese/split-1/predictions.csv")
    assert once == before


def test_eval_has_a_table_of_its_own_for_pairs(aqa, fitted: Path) -> None:
    shown = aqa("eval").output
    assert "Spearman" in shown
    assert "ROC-AUC" in shown
    assert "score-estimation: told each video's type beside its features" in shown
    results = json.loads((fitted / "runs/eval.json").read_text())["results"]
    told = {r["head"]: r.get("told") for r in results if r["kind"] == "scores"}
    assert (told["score-estimation"], told["lstm"]) == ("type", None)
    pairs = [r for r in results if r["kind"] == "pairs"]
    assert [r["part"] for r in pairs if r["split"] == "1"] == ["test", "test-train"]
    tests = next(r for r in pairs if r["split"] == "1" and r["part"] == "test")
    assert tests["n"] == tests["similar"] + tests["dissimilar"]
    with (fitted / "runs/eval.csv").open() as file:
        assert {r["head"] for r in csv.DictReader(file)} == {
            "lstm",
            "score-estimation",
            "baseline-type",
        }
    with (fitted / "runs/eval-pairs.csv").open() as file:
        assert {row["head"] for row in csv.DictReader(file)} == {"siamese"}


def test_the_score_head_takes_the_metric_of_its_split(aqa, fitted: Path) -> None:
    aqa("fit", "--head", "score-estimation", *QUICK, "--from", "runs/siamese", "--runs", "taken")
    for split in "12":
        run = record(fitted / f"taken/score-estimation/split-{split}")
        assert run["from"]["split"] == split
        assert run["also_learned_from"] == []
        own = fitted / f"runs/score-estimation/split-{split}/predictions.csv"
        taken = fitted / f"taken/score-estimation/split-{split}/predictions.csv"
        lines = [
            [line.rstrip(",") for line in path.read_text().splitlines() if ",train," in line]
            for path in (own, taken)
        ]
        assert lines[0] == lines[1] != []


def test_a_metric_of_another_split_is_a_leak(aqa, fitted: Path) -> None:
    start = ["--from", "runs/siamese/split-2"]
    aqa("fit", "--head", "score-estimation", "--split", "1", *QUICK, *start, "--runs", "leaky")
    message = aqa("eval", "--runs", "leaky", code=1).output
    assert "the head has learned from 10 of 10 test videos" in message
    assert "LEAK score-estimation split 1" in aqa("eval", "--runs", "leaky", "--allow-leak").output


def test_a_metric_of_another_store_is_a_leak_too(aqa, fitted: Path) -> None:
    """Whatever the store, the videos are the same."""
    shutil.copy(fitted / "stores/s.h5", fitted / "copy.h5")
    start = ["--from", "runs/siamese/split-2", "--store", "copy.h5"]
    aqa("fit", "--head", "score-estimation", "--split", "1", *QUICK, *start, "--runs", "elsewhere")
    message = aqa("eval", "--runs", "elsewhere", code=1).output
    assert "the head has learned from 10 of 10 test videos" in message


def test_exemplars_of_test_videos_are_a_leak(aqa, fitted: Path) -> None:
    everything = ["-p", "exemplar_from=all", "-p", "exemplars=9", "--runs", "whole"]
    aqa("fit", "--head", "score-estimation", "--split", "1", *QUICK, *everything)
    assert record(fitted / "whole/score-estimation/split-1")["also_learned_from"]
    assert "the head has learned from" in aqa("eval", "--runs", "whole", code=1).output


def test_feedback_is_evaluated_against_the_manifest(aqa, fitted: Path) -> None:
    assert "precision" in aqa("eval", "--feedback").output
    results = json.loads((fitted / "runs/eval-feedback.json").read_text())["results"]
    assert {(r["head"], r["split"]) for r in results} == {
        (head, split) for head in ("lstm", "score-estimation") for split in "12"
    }
    assert all(r["clips"] == 30 and r["n"] == 10 for r in results)
    with (fitted / "runs/score-estimation/split-1/feedback.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 30


@pytest.mark.parametrize("head", ["score-estimation", "lstm"])
def test_feedback_says_where_and_why(aqa, fitted: Path, head: str) -> None:
    shown = aqa("feedback", "v03", "--head", head).output
    assert "0.64 to 1.28" in shown
    given = json.loads(aqa("feedback", "v03", "--head", head, "--json").output)
    assert [clip["clip"] for clip in given["clips"]] == [0, 1, 2]
    assert given["run"].endswith(f"{head}/split-1")  # where v03 is a test video
    for clip in given["clips"]:
        assert clip[given["mark"].replace(" ", "_")] == (clip["value"] < clip["limit"])
    if head == "lstm":
        total = given["total"]
        assert total["base"] + total["clips"] == pytest.approx(total["score"], abs=1e-3)


def test_feedback_has_a_picture(aqa, fitted: Path) -> None:
    names = ["v03", *record(fitted / "runs/score-estimation/split-1")["chosen"]["exemplars"]["A"]]
    manifest = fitted / "manifest.csv"
    text = manifest.read_text()
    for name in names:
        (fitted / name).mkdir(exist_ok=True)
        for i in range(FRAMES):
            cv2.imwrite(str(fitted / name / f"{i}.png"), np.full((24, 32, 3), 5 * i, np.uint8))
        text = text.replace(f"\n{name},,", f"\n{name},{name},")
    manifest.write_text(text)
    aqa("feedback", "v03", "--picture", "f.png", "--align", "dtw")
    assert cv2.imread(str(fitted / "f.png")) is not None
    aqa("feedback", "v03", "--head", "lstm", "--picture", "l.png")
    assert cv2.imread(str(fitted / "l.png")).shape[0] < cv2.imread(str(fitted / "f.png")).shape[0]
    aqa("fit", "--head", "wd", *BRIEF, "--runs", "aggregated")
    shown = aqa("feedback", "v03", "--head", "wd", "--runs", "aggregated", "--picture", "w.png")
    assert "points added to a base of" in shown.output
    assert cv2.imread(str(fitted / "w.png")).shape == cv2.imread(str(fitted / "l.png")).shape


@pytest.mark.parametrize("head", ["lstm", "average", "wd"])
def test_views_of_a_store_are_learned_from(aqa, dataset: Path, head: str) -> None:
    """The same seed, so without the views the losses would be the same to the last digit."""
    rng = np.random.default_rng(1)
    path = dataset / "viewed" / f"{head}.h5"
    with FeatureStore.open(dataset / "stores/s.h5") as plain:
        spec = plain.spec | {"views": ["original", "flip"], "view_seed": 0}
        with FeatureStoreWriter(path, spec, blank=plain.blank) as viewed:
            for name in plain.ids:
                clips = plain.clips(name)
                noise = rng.normal(scale=9, size=plain[name].shape)
                both = [(plain[name], clips), (noise, clips)]
                viewed.append(name, both, n_frames=FRAMES, fps=25.0)
    quick = ["--split", "1", *BRIEF]
    losses: dict[str, list[list[str]]] = {"held out": [], "refit": []}
    for store, runs in ((path, "with"), (dataset / "stores/s.h5", "without")):
        aqa("fit", "--head", head, *quick, "--store", str(store), "--runs", runs)
        with (dataset / runs / head / "split-1/history.csv").open() as file:
            rows = [*csv.DictReader(file)]
        for fit, each in losses.items():
            each.append([row["train_loss"] for row in rows if row["fit"] == fit])
    assert [len(each) for each in losses["held out"]] == [3, 3]
    for viewed_losses, plain_losses in losses.values():
        assert viewed_losses[0] != plain_losses[0]  # of the first epoch, which each fit has


def test_feedback_on_a_training_video_is_marked(aqa, fitted: Path) -> None:
    assert "warning: " in aqa("feedback", "v03", "--split", "2").output


def test_embeddings_are_measured_and_drawn(aqa, fitted: Path) -> None:
    shown = aqa("embed", "--split", "1", "--picture", "e.png").output
    assert "D2, worst exemplar" in shown
    assert cv2.imread(str(fitted / "e.png")) is not None
    aqa("embed", "--split", "1", "--picture", "s.png", "--colour", "score")
    by_type, by_score = (cv2.imread(str(fitted / f"{name}.png")) for name in "es")
    assert by_score.shape != by_type.shape  # there is a bar of colours beside it
    given = json.loads(aqa("embed", "--split", "1", "--json").output)
    assert [e["size"] for e in given["embeddings"]] == [8, 64, 64, 64]
    for embedding in given["embeddings"]:
        assert -1 <= embedding["silhouette"]["test"] <= 1
        assert len(embedding["points"]) == N
    again = json.loads(aqa("embed", "--split", "1", "--json").output)
    assert again == given


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["fit", "--head", "svr", "--from", "runs/siamese"], "svr cannot start from a fitted run"),
        (
            ["fit", "--head", "score-estimation", "--from", "runs/lstm"],
            "starts from siamese, not from lstm",
        ),
        (
            ["fit", "--head", "score-estimation", "--from", "runs"],
            "no such file; fit the head again",
        ),
        (["feedback", "v99"], "unknown video 'v99'"),
        (["feedback", "v03", "--head", "siamese"], "siamese compares two videos and scores none"),
        (["embed", "--head", "lstm"], "lstm has no embeddings"),
        (["score", "manifest.csv", "--head", "siamese"], "compares two videos and scores none"),
        (["feedback", "v04", "--picture", "p.png"], "v04 has no path"),
    ],
)
def test_what_cannot_be_done_is_said(aqa, fitted: Path, arguments, problem) -> None:
    message = aqa(
        *arguments, code=2 if problem.startswith(("unknown", "svr cannot start")) else 1
    ).output
    assert problem in message
    assert "Traceback" not in message


def test_without_a_head_that_explains_eval_says_so(aqa, fitted: Path) -> None:
    message = aqa("eval", "--feedback", "--head", "siamese", code=1).output
    assert "no fitted head gives feedback" in message

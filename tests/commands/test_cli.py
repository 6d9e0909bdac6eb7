"""The commands as typed: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter

QUICK = ["-p", "epochs=15", "-p", "hidden=8", "-p", "device=cpu"]


@pytest.fixture
def aqa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    """Runs a command in an empty workspace."""
    monkeypatch.chdir(tmp_path)
    return run_aqa


@pytest.fixture
def dataset(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A manifest of 40 videos with two splits, and the file of their features."""
    truth = rng.normal(size=40)
    x = np.stack([np.outer(np.ones(4), [t, -t, 0.3]) for t in truth])
    np.save(tmp_path / "f.npy", (x + rng.normal(scale=0.05, size=x.shape)).astype(np.float32))
    ids = [f"v{i:02d}" for i in range(40)]
    (tmp_path / "ids.txt").write_text("\n".join(ids))
    rows = [
        {
            "video_id": i,
            "path": "",
            "score": round(60 + 15 * t, 2),
            "split_1": "test" if k % 4 == 0 else "train",
            "split_b": "test" if k % 4 == 1 else "val" if k % 4 == 2 else "train",
        }
        for k, (i, t) in enumerate(zip(ids, truth, strict=True))
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


@pytest.fixture
def fitted(aqa: Callable[..., Result], dataset: Path) -> Path:
    aqa("store", "import", "f.npy", "--ids", "ids.txt")
    aqa("fit", "--head", "svr")
    aqa("fit", "--head", "lstm", *QUICK)
    return dataset


def test_fit_writes_whole_runs(fitted: Path) -> None:
    for head in ("svr", "lstm"):
        for split in ("1", "b"):
            run = fitted / "runs" / head / f"split-{split}"
            # Split b has validation videos to stop by, and svr does not stop: they hold out none.
            assert {p.name for p in run.iterdir()} == {
                *("model.safetensors", "run.json", "history.csv"),
                *("predictions.csv", "metrics.json"),
                *(("held_out.csv",) if (head, split) == ("lstm", "1") else ()),
                "likeness.safetensors",
            }
            record = json.loads((run / "run.json").read_text())
            assert record["seed"] == 0
            assert record["store"]["spec"]["backbone"] == "imported:f.npy"
            assert record["params"].keys() >= {"seed"}
            assert len(record["split"]["train"]) == (30 if split == "1" else 20)
            metrics = json.loads((run / "metrics.json").read_text())
            assert "test" not in metrics  # which only `eval` reads
            assert metrics["train"]["spearman"] > 0.5
            assert metrics["train"]["spearman_interval"] is None  # nobody reads it
    assert json.loads((fitted / "runs/lstm/split-1/run.json").read_text())["params"]["epochs"] == 15


def test_eval_evaluates_the_test_videos(aqa: Callable[..., Result], fitted: Path) -> None:
    printed = aqa("eval", "--split", "1").output
    assert "Spearman" in printed
    assert "svr" in printed
    assert (fitted / "runs" / "eval-split-1.json").exists()
    with (fitted / "runs" / "eval-split-1.csv").open() as file:
        assert [row["head"] for row in csv.DictReader(file)] == ["lstm", "svr"]
    results = json.loads(aqa("eval", "--json").stdout)
    scored = [r for r in results["results"] if r["kind"] == "scores"]
    assert [(r["head"], r["split"]) for r in scored] == [
        ("lstm", "1"),
        ("lstm", "b"),
        ("svr", "1"),
        ("svr", "b"),
    ]
    for result in scored:
        assert result["n"] == 10
        low, high = result["spearman_interval"]
        assert low <= result["spearman"] <= high
        assert {"mse", "med", "relative_l2"} < result.keys()
    assert results["means"] == []  # `1` and `b` are of different families
    each = [r["spearman"] for r in scored if r["head"] == "svr"]
    assert np.mean(each) > 0.9


def test_predictions_are_the_metrics(aqa: Callable[..., Result], fitted: Path) -> None:
    aqa("eval")
    run = fitted / "runs" / "svr" / "split-b"
    with (run / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["part"] for row in rows} == {"train", "val", "test"}
    errors = [(float(r["score"]) - float(r["predicted"])) ** 2 for r in rows if r["part"] == "test"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["mse"] == pytest.approx(np.mean(errors))
    assert metrics["val"]["mse_interval"] is None
    low, high = metrics["test"]["mse_interval"]
    assert low <= metrics["test"]["mse"] <= high


def test_the_same_seed_gives_the_same_run(aqa: Callable[..., Result], fitted: Path) -> None:
    model = fitted / "runs" / "lstm" / "split-1" / "model.safetensors"
    before = model.read_bytes()
    aqa("fit", "--head", "lstm", "--split", "1", *QUICK)
    assert model.read_bytes() == before
    aqa("fit", "--head", "lstm", "--split", "1", "--seed", "1", *QUICK)
    assert model.read_bytes() != before


def test_a_test_video_that_was_learned_from(aqa: Callable[..., Result], fitted: Path) -> None:
    text = (fitted / "manifest.csv").read_text().replace(",train,test", ",test,test", 1)
    (fitted / "manifest.csv").write_text(text)
    message = aqa("eval", "--head", "svr", "--split", "1", code=1).output
    assert "the head has learned from 1 of 11 test videos" in message
    marked = aqa("eval", "--head", "svr", "--split", "1", "--allow-leak").output
    assert "LEAK svr split 1" in marked


def test_a_backbone_that_has_seen_the_test_videos(
    aqa: Callable[..., Result], dataset: Path
) -> None:
    (dataset / "seen.txt").write_text("v00\nv01\n")
    aqa("store", "import", "f.npy", "--ids", "ids.txt", "--fitted-on", "seen.txt")
    aqa("fit", "--head", "svr", "--split", "1")
    message = aqa("eval", code=1).output
    assert "the network behind" in message
    assert "learned from 1 of 10 test videos" in message
    result = json.loads(aqa("eval", "--allow-leak", "--json").stdout)
    assert result["results"][0]["leak"]


def test_every_video_for_scoring(aqa: Callable[..., Result], fitted: Path) -> None:
    aqa("fit", "--head", "svr", "--split", "all")
    record = json.loads((fitted / "runs/svr/split-all/run.json").read_text())
    assert len(record["split"]["train"]) == 40
    assert "nothing to evaluate" in aqa("eval", "--split", "all", code=1).output


def test_missing_videos_are_named_or_left_out(aqa: Callable[..., Result], dataset: Path) -> None:
    (dataset / "ids.txt").write_text("\n".join(f"v{i:02d}" for i in range(37)))
    np.save(dataset / "f.npy", np.load(dataset / "f.npy")[:37])
    aqa("store", "import", "f.npy", "--ids", "ids.txt")
    message = aqa("fit", "--head", "svr", "--split", "1", code=1).output
    assert "3 of the 40 videos of split 1 are not in it: v37, v38, v39" in message
    aqa("fit", "--head", "svr", "--split", "1", "--skip-missing")
    record = json.loads((dataset / "runs/svr/split-1/run.json").read_text())
    assert len(record["split"]["train"]) == 27


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["fit", "--head", "svm"], 2, "unknown head 'svm'; did you mean 'svr'?"),
        (["fit"], 2, "Missing option '--head'"),
        (["fit", "--head", "svr", "-p", "sed=1"], 2, "no parameter 'sed'; did you mean 'seed'"),
        (["fit", "--head", "svr", "-p", "C=0"], 2, "C=0.0 is not a number, above 0"),
        (["fit", "--head", "lstm", "-p", "hidden=0"], 2, "hidden=0 is not a number, 1 or more"),
        (["fit", "--head", "lstm", "-p", "lr=nan"], 2, "lr=nan is not a number, above 0"),
        (["fit", "--head", "svr", "--seed", "-1"], 2, "'-1': use a whole number"),
        (["fit", "--head", "svr", "--runs", "f.npy/runs"], 1, "Not a directory"),
        (["extract", "--weights", "ids.txt"], 1, "ids.txt: refused, or not a checkpoint"),
        (["fit", "--head", "svr", "--split", "7"], 2, "unknown split '7'; known: 1, b"),
        (["fit", "--head", "svr", "--store", "x.h5"], 1, "x.h5: no such feature store"),
        (["fit", "--head", "svr", "--manifest", "m.csv"], 1, "m.csv: no such manifest"),
        (["eval", "--head", "wd"], 2, "unknown fitted head 'wd'; known: lstm, svr"),
        (["eval", "--split", "9"], 2, "unknown fitted split '9'"),
        (["eval", "--runs", "elsewhere"], 1, "elsewhere: no fitted heads"),
        (["score", "x.mp4"], 2, "choose one of lstm, svr"),
        (["score", "x.mp4", "--head", "svr"], 1, "were imported"),
        (["extract"], 1, "c3d-sports1m-mmaction2 of c3d are not here"),
        (["extract", "--backbone", "r3d-50"], 1, "from https://drive.google.com/open?id="),
        (["extract", "--backbone", "isa"], 2, "there are no public weights of isa"),
        (["extract", "--backbone", "c4d"], 2, "unknown backbone 'c4d'; did you mean 'c3d'?"),
        (["extract", "--weights", "absent.pth"], 1, "absent.pth: no such weights file"),
        (["extract", "--weights", "c3d-sport1m"], 2, "unknown checkpoint 'c3d-sport1m'; did you"),
        (["extract", "--weights", "random", "--layer", "fc9"], 2, "unknown layer of c3d 'fc9'"),
        (["extract", "--weights", "random", "--frames", "8"], 2, "videos of 8 frames (--frames)"),
        (["extract", "--batch-size", "many"], 2, "'many' is not a positive whole number"),
        (["extract", "--stride", "0"], 2, "0 is not in the range"),
        (["store", "verify", "manifest.csv"], 1, "not a readable HDF5 file"),
        (["-C", "nowhere", "eval"], 2, "'nowhere' does not exist"),
        (["evaluate"], 2, "No such command"),
    ],
)
def test_what_is_refused_and_how(
    aqa: Callable[..., Result], fitted: Path, arguments: list[str], code: int, expected: str
) -> None:
    before = {p: p.read_bytes() for p in sorted(fitted.rglob("*")) if p.is_file()}
    message = aqa(*arguments, code=code).output
    assert expected in message
    assert "Traceback" not in message
    assert {p: p.read_bytes() for p in sorted(fitted.rglob("*")) if p.is_file()} == before


def test_no_store_and_several_stores(aqa: Callable[..., Result], dataset: Path) -> None:
    assert "no feature store" in aqa("fit", "--head", "svr", code=1).output
    for name in ("a", "b"):
        aqa("store", "import", "f.npy", "--ids", "ids.txt", "--store", f"stores/{name}.h5")
    message = aqa("fit", "--head", "svr", code=1).output
    assert "name one of stores/a.h5, stores/b.h5 with --store" in message


def test_no_split(aqa: Callable[..., Result], dataset: Path) -> None:
    write_manifest(dataset / "manifest.csv", [{"video_id": "v00", "path": "", "score": 1}])
    aqa("store", "import", "f.npy", "--ids", "ids.txt")
    assert "or fit every video with --split all" in aqa("fit", "--head", "svr", code=1).output


def test_store_commands(aqa: Callable[..., Result], fitted: Path) -> None:
    shown = dict(
        re.findall(r"^(\w+(?: \w+)?)  +(.+)$", aqa("store", "info", "stores/f.h5").output, re.M)
    )
    assert (shown["backbone"], shown["videos"], shown["clips"]) == ("imported:f.npy", "40", "160")
    assert (shown["features"], shown["clip rule"]) == ("shape (3,), float32", "not known")
    told = json.loads(aqa("store", "info", "stores/f.h5", "--json").output)
    assert (told["spec"]["backbone"], len(told["ids"])) == (shown["backbone"], 40)
    assert "all sound" in aqa("store", "verify", "stores/f.h5").output
    aqa("store", "export", "stores/f.h5", "out.npy")
    np.testing.assert_array_equal(np.load(fitted / "out.npy"), np.load(fitted / "f.npy"))
    assert "it exists" in aqa("store", "import", "f.npy", "--ids", "ids.txt", code=1).output


def test_a_view_is_exported(aqa: Callable[..., Result], tmp_path: Path) -> None:
    spec = {"shape": [2], "dtype": "float32", "weights": {}, "views": ["original", "flip"]}
    with FeatureStoreWriter(tmp_path / "s.h5", spec) as writer:
        for i in range(2):
            views = [(np.full((1, 2), 10 * i + k), [Clip(0, 16)]) for k in range(2)]
            writer.append(f"v{i}", views, n_frames=16)
    aqa("store", "export", "s.h5", "original.npy")
    aqa("store", "export", "s.h5", "flip.npy", "--view", "flip")
    assert np.load(tmp_path / "original.npy")[:, 0, 0].tolist() == [0, 10]
    assert np.load(tmp_path / "flip.npy")[:, 0, 0].tolist() == [1, 11]
    unknown = aqa("store", "export", "s.h5", "flap.npy", "--view", "flap", code=2).output
    assert "Try 'aqa store --help'" in unknown
    assert (
        "unknown augmentation of s.h5 'flap'; did you mean 'flip'? known: original, flip" in unknown
    )
    assert not (tmp_path / "flap.npy").exists()


def test_heads_lists_parameters(aqa: Callable[..., Result]) -> None:
    assert "lstm-svr" in aqa("heads").output
    printed = aqa("heads", "lstm").output
    (row,) = (line for line in printed.splitlines() if line.startswith("hidden "))
    assert row.split()[1] == "256"
    assert "parmar2019action: Paritosh Parmar" in printed


def test_workspaces(
    aqa: Callable[..., Result], fitted: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert "no fitted heads" in aqa("eval", code=1).output
    expected = aqa("-C", str(fitted), "eval").stdout
    assert aqa("eval", "-C", str(fitted)).stdout == expected
    monkeypatch.setenv("AQA_WORKSPACE", str(fitted))
    assert aqa("eval").stdout == expected
    assert "no fitted heads" in aqa("-C", str(elsewhere), "eval", code=1).output


def test_paths_count_from_the_folder_that_is_worked_in(
    aqa: Callable[..., Result], dataset: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(elsewhere)
    brought = ("store", "import", "f.npy", "--ids", "ids.txt")
    aqa("-C", "../..", *brought)
    assert (dataset / "stores/f.h5").exists()
    aqa("-C", "..", "store", "import", "-C", "..", *brought[2:], "--store", "twice.h5")
    assert (dataset / "twice.h5").exists()
    assert "use a whole number" in aqa("fit", "-C", "..", "--seed", "-1", code=2).output
    assert Path.cwd() == elsewhere
    monkeypatch.setenv("AQA_WORKSPACE", str(dataset))
    assert "ids.txt: no such file" in aqa(*brought, code=1).output


def test_scores_within_the_tube_are_predicted_by_their_mean(
    aqa: Callable[..., Result], dataset: Path
) -> None:
    aqa("store", "import", "f.npy", "--ids", "ids.txt")
    aqa("fit", "--head", "svr", "--split", "1", "-p", "epsilon=10")
    results = json.loads(aqa("eval", "--json").stdout)["results"]
    (result,) = (one for one in results if one["kind"] == "scores")
    assert result["spearman"] is None


def test_ids_that_were_learned_from_may_have_a_byte_order_mark(
    aqa: Callable[..., Result], dataset: Path
) -> None:
    (dataset / "seen.txt").write_text("\ufeffv00\n", encoding="utf-8")
    (dataset / "strange.txt").write_text("v00.mp4\n")
    said = aqa("store", "import", "f.npy", "--ids", "ids.txt", "--fitted-on", "seen.txt").stderr
    assert "1 of the 1 ids" in said
    strange = ("--fitted-on", "strange.txt", "--store", "stores/g.h5")
    assert (
        "warning: 0 of the 1"
        in aqa("store", "import", "f.npy", "--ids", "ids.txt", *strange).stderr
    )


class TestFromVideos:
    """Extract, fit, evaluate and score from files, with a random C3D that ends early."""

    OPTIONS = ("--weights", "random", "--layer", "pool5", "--frames", "16")

    @pytest.fixture
    def videos(self, tmp_path: Path, numbered_video: Callable[..., Path]) -> Path:
        rows = [
            {
                "video_id": f"v{n}",
                "path": numbered_video(n, f"v{n}.avi").name,
                "score": n,
                "split_1": "test" if n == 24 else "train",
            }
            for n in range(16, 26, 2)
        ]
        write_manifest(tmp_path / "manifest.csv", rows)
        return tmp_path

    def test_the_whole_way(self, aqa: Callable[..., Result], videos: Path) -> None:
        first = aqa("extract", *self.OPTIONS)
        assert "5 videos extracted (5 clips), 0 reused, 0 failed" in first.output
        assert "0 videos extracted (0 clips), 5 reused" in aqa("extract", *self.OPTIONS).output
        refused = aqa("extract", "--weights", "random", "--layer", "pool5", code=1).output
        assert "frames is 16, not null" in refused
        with FeatureStore.open(videos / "stores" / "c3d.h5") as store:
            assert store["v16"].shape == (1, 8192)
            assert store.spec["weights"]["name"] == "random"
        told = aqa("store", "info", "stores/c3d.h5").output
        assert re.search(
            "^clip rule +16 frames per clip, a new clip every 16 frames, 16 frames", told, re.M
        )
        assert re.search("^weights +random", told, re.M)
        aqa("fit", "--head", "svr", "-p", "folds=2")
        assert "too few" in aqa("eval").output  # Spearman over one test video
        (videos / "bad.mp4").write_bytes(b"x")
        result = aqa("score", "v24.avi", "bad.mp4", "v18.avi", "--json", code=1)
        scores = json.loads(result.stdout)
        assert [row["video"] for row in scores["scores"]] == ["v24.avi", "v18.avi"]
        (failed,) = scores["failed"]
        assert failed["video"] == "bad.mp4"
        assert failed["reason"]
        assert "bad.mp4" not in failed["reason"]
        with (videos / "runs/svr/split-1/predictions.csv").open() as file:
            predicted = {r["video_id"]: float(r["predicted"]) for r in csv.DictReader(file)}
        assert scores["scores"][0]["score"] == pytest.approx(predicted["v24"], rel=1e-4)
        assert f"failed: bad.mp4: {failed['reason']}\n" in result.stderr
        # What the head learned from is looked at where it still is.
        table = videos / "manifest.csv"
        text = table.read_text()
        table.write_text(text.replace(",18,", ",81,"))
        refused = aqa("score", "v24.avi", code=1).output
        assert "column score of manifest.csv has changed for 1 of the 4 videos" in refused
        assert "v18" in refused
        table.unlink()
        aqa("score", "v24.avi")
        table.write_text(text)

    def test_clips_that_the_network_cannot_take(
        self, aqa: Callable[..., Result], videos: Path
    ) -> None:
        options = ("extract", "--weights", "random", "--layer", "pool5", "--clip-length", "8")
        message = aqa(*options, code=1).output
        assert "c3d cannot take clips of 8 frames, it is made for 16" in message

    def test_maps_are_not_for_heads(self, aqa: Callable[..., Result], videos: Path) -> None:
        aqa("extract", "--weights", "random", "--layer", "conv5b", "--dtype", "float16")
        message = aqa("fit", "--head", "svr", code=1).output
        assert "layer conv5b holds maps of shape (512, 2, 7, 7)" in message

    def test_failures_are_told_and_exit_with_1(
        self, aqa: Callable[..., Result], videos: Path
    ) -> None:
        (videos / "v18.avi").write_bytes(b"broken")
        result = aqa("extract", *self.OPTIONS, code=1)
        assert "4 videos extracted (4 clips), 0 reused, 1 failed" in result.stdout
        assert "failed: v18: " in result.stderr


def test_an_interrupt_leaves_with_130_and_without_a_traceback(
    tmp_path: Path, numbered_video: Callable[..., Path]
) -> None:
    rows = [
        {"video_id": f"v{i}", "path": numbered_video(200, "v.avi").name, "score": 1}
        for i in range(50)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    code = (
        "import os, signal, sys\n"
        "from aqa.extract import video_encoder as run\n"
        "from aqa.cli import main\n"
        "encode = run.encode_video\n"
        "def interrupt(*args):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    return encode(*args)\n"
        "run.encode_video = interrupt\n"
        "main(['extract', '--weights', 'random', '--layer', 'conv5b'], prog_name='aqa')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert process.returncode == 130
    assert "what was finished is kept" in process.stderr
    assert "Traceback" not in process.stderr

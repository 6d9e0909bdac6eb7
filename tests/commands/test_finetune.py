"""`aqa finetune` as typed: what it leaves, what goes on after a kill, what it refuses."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.extract.clips_dataset import ClipVideos
from aqa.features.store import FeatureStore
from aqa.workflows.finetune.results import ResultWriter

QUICK = ["--backbone", "tiny3d", "--head", "lstm", "--epochs", "2", "--device", "cpu", "--quiet"]
SMALL = ["-p", "hidden=4"]
NO_REFIT = ["-p", "refit=false"]
LEGACY = Path(__file__).parents[1] / "legacy" / "finetune"


@pytest.fixture
def workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_video: Callable[..., Path]
) -> Path:
    """Ten videos of one or two clips, as bright as their score; two are tested, in two ways."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(10):
        level = 20 * i
        frames = [rng.integers(level, level + 40, (24, 32, 3)).astype(np.uint8) for _ in range(17)]
        path = write_video(f"v{i}.avi", frames[: 17 if i % 2 else 9])
        row = {"video_id": f"v{i}", "path": path.name, "score": 10 * i + 5}
        rows.append(row | {"split_1": "test" if i in (2, 7) else "train"})
    for i, row in enumerate(rows):
        row["split_2"] = "test" if i in (0, 5) else "val" if i in (3, 8) else "train"
    write_manifest(tmp_path / "manifest.csv", rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def tensors(folder: Path, file: str = "backbone.safetensors") -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / file)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_runs_it_leaves(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    printed = run_aqa("finetune", *QUICK, *SMALL, "--split", "1", "--split", "2").output
    assert "split 2: 6 training videos, 2 for validation" in printed
    assert "before training: val loss" in printed
    assert "epoch 2: train loss" in printed
    assert " GB)" in printed
    for split, seen in (("1", 8), ("2", 8)):
        for name in ("lstm-finetuned", "lstm-finetuned-last"):
            run = workspace / "runs" / name / f"split-{split}"
            record = json.loads((run / "run.json").read_text())
            assert record["params"]["epochs"] == 2
            assert record["finetuned"]["recipe"]["lr_backbone"] == 1e-5
            assert record["epoch"]["of"] == 2
            assert f"{run.relative_to(workspace)}: epoch" in printed
            metrics = json.loads((run / "metrics.json").read_text())
            assert metrics.keys() == {"train", "val"}  # the test videos are for `eval`
            with FeatureStore.open(run / "features.h5") as store:
                assert len(store) == 10
                assert len(store.spec["weights"]["fitted_on"]) == seen
            assert not (run / "training").exists()
    last = workspace / "runs" / "lstm-finetuned-last" / "split-1"
    with (last / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["memory_gb"]) > 0
    results = json.loads(run_aqa("eval", "--no-baseline", "--json").stdout)["results"]
    assert {(r["head"], r["split"]) for r in results} == {
        (name, split) for name in ("lstm-finetuned", "lstm-finetuned-last") for split in "12"
    }
    assert all(result["n"] == 2 for result in results)
    metrics = json.loads((last / "metrics.json").read_text())
    assert metrics.keys() == {"train", "val", "test"}
    scored = run_aqa("score", "v3.avi", "--head", "lstm-finetuned", "--split", "1").output
    with (workspace / "runs/lstm-finetuned/split-1/predictions.csv").open() as file:
        predicted = {row["video_id"]: float(row["predicted"]) for row in csv.DictReader(file)}
    assert f"{predicted['v3']:.2f}" in scored


def test_a_new_store_from_its_backbone_is_refused_to_be_tested_on_what_it_saw(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa("finetune", *QUICK, *SMALL, "--split", "1")
    weights = "runs/lstm-finetuned/split-1/backbone.safetensors"
    run_aqa("extract", "--backbone", "tiny3d", "--weights", weights)
    with FeatureStore.open("stores/tiny3d.h5") as store:
        assert store.spec["weights"]["fitted_on"] == [f"v{i}" for i in (0, 1, 3, 4, 5, 6, 8, 9)]
        with FeatureStore.open("runs/lstm-finetuned/split-1/features.h5") as own:
            assert all(np.array_equal(store[i], own[i]) for i in own)
    run_aqa("fit", "--head", "svr", "-p", "C=1", "-p", "epsilon=0.1", "-p", "gamma=0.1")
    run_aqa("eval", "--head", "svr", "--split", "1")
    printed = run_aqa("eval", "--head", "svr", "--split", "2", code=1).output
    assert "the network behind stores/tiny3d.h5 has learned from 2 of 2 test videos" in printed
    printed = run_aqa("eval", "--head", "svr", "--split", "2", "--allow-leak", "--json").stdout
    assert json.loads(printed)["results"][0]["leak"]


def test_killed_in_the_middle_it_ends_the_same(
    workspace: Path, run_aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["finetune", *QUICK, *SMALL, "--split", "1"]
    run_aqa(*command, "--runs", "whole")
    read = ClipVideos.read

    def interrupted(self, order, epoch=None):  # type: ignore[no-untyped-def]
        for number, clips in enumerate(read(self, order, epoch)):
            if epoch == 2 and number == 3:
                raise KeyboardInterrupt
            yield clips

    with monkeypatch.context() as patched:
        patched.setattr(ClipVideos, "read", interrupted)
        assert "give the command again" in run_aqa(*command, code=130).output
    training = workspace / "runs" / "lstm-finetuned" / "split-1" / "training"
    assert {path.name for path in training.iterdir()} == {"epoch-1.safetensors"}
    assert not (training.parent / "run.json").exists()
    printed = run_aqa(*command, "--lr-head", "0.5", code=1).output
    assert "recipe.lr_head is 0.0001, not 0.5" in printed
    growing = workspace / "runs" / "lstm-finetuned" / "history-split-1.csv"
    begun = growing.read_text().splitlines()
    assert [row.partition(",")[0] for row in begun] == ["epoch", "0", "1"]
    grown: list[list[str]] = []
    write_all = ResultWriter.write_all

    def watched(self, *states):  # type: ignore[no-untyped-def]
        grown.append(growing.read_text().splitlines())
        return write_all(self, *states)

    with monkeypatch.context() as patched:
        patched.setattr(ResultWriter, "write_all", watched)
        printed = run_aqa(*command).output
    assert "epoch 1:" not in printed
    assert grown[0][:-1] == begun
    assert grown[0][-1].startswith("2,")
    assert not growing.exists()  # the runs have it
    for name in ("lstm-finetuned", "lstm-finetuned-last"):
        for file in ("backbone.safetensors", "model.safetensors"):
            one = tensors(workspace / "runs" / name / "split-1", file)
            assert same(one, tensors(workspace / "whole" / name / "split-1", file))

    run = training.parent / "run.json"
    before = run.read_bytes()
    growing.write_text("epoch\n0\n")  # as a kill leaves it that comes after the runs are written
    assert "reused" in run_aqa(*command).output
    assert not growing.exists()
    assert "recipe.epochs is 2, not 1" in run_aqa(*command, "--epochs", "1", code=1).output
    assert run.read_bytes() == before
    assert "reused" not in run_aqa(*command, "--epochs", "1", "--restart").output
    assert json.loads(run.read_text())["epoch"]["of"] == 1


def test_it_starts_from_a_fitted_head(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    run_aqa("extract", "--backbone", "tiny3d", "--quiet")
    run_aqa("fit", "--head", "lstm", *SMALL, "-p", "epochs=5", "-p", "device=cpu", *NO_REFIT)
    still = ["--lr-backbone", "0", "--lr-head", "1e-30", "--epochs", "1", "--split", "2"]
    run_aqa("finetune", *QUICK, "--from", "runs/lstm", *still)
    # Nothing has learned, so it is the head that it was, end to end.
    fitted, tuned = (workspace / "runs" / name / "split-2" for name in ("lstm", "lstm-finetuned"))
    assert same(tensors(fitted, "model.safetensors"), tensors(tuned, "model.safetensors"))
    metrics = [json.loads((run / "metrics.json").read_text())["val"] for run in (fitted, tuned)]
    assert metrics[0]["mse"] == pytest.approx(metrics[1]["mse"], rel=1e-4)
    record = json.loads((tuned / "run.json").read_text())
    assert record["from"]["run"] == "runs/lstm/split-2"
    with (fitted / "history.csv").open() as file:
        best = min(float(row["val_loss"]) for row in csv.DictReader(file))
    with (tuned / "history.csv").open() as file:
        before = float(next(csv.DictReader(file))["val_loss"])
    assert before == pytest.approx(best, rel=1e-3)

    for wrong, problem in (
        (["--frames", "32"], "frames is null, not 32"),
        (["--weights", "random"], "weights.sha256 is "),
        (["-p", "hidden=9"], "keeps its parameters"),
    ):
        code = 2 if "-p" in wrong else 1
        printed = run_aqa("finetune", *QUICK, "--from", "runs/lstm", *wrong, code=code).output
        assert problem in printed
    run_aqa("fit", "--head", "svr", "--split", "1", "-p", "C=1", "-p", "gamma=1")
    printed = run_aqa("finetune", *QUICK, "--from", "runs/svr/split-1", code=1).output
    assert "a run of svr, which lstm cannot start from" in printed
    crossed = ["--from", "runs/lstm/split-2", "--split", "1", "--epochs", "1"]
    assert "has learned from 2 of 2 test videos" in run_aqa("finetune", *QUICK, *crossed).output
    assert (
        "has learned from 2 of 2 test videos"
        in run_aqa(*("eval", "--head", "lstm-finetuned", "--split", "1"), code=1).output
    )


def test_a_head_on_maps(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    command = ["finetune", *QUICK, "--head", "fragments", "--layer", "conv7", "--frames", "16"]
    run_aqa(*command, "-p", "channels=4", "-p", "hidden=8", "--split", "2", "--epochs", "1")
    (result,) = json.loads(
        run_aqa("eval", "--no-baseline", "--head", "fragments-finetuned", "--json").stdout
    )["results"]
    assert result["n"] == 2
    weights = workspace / "runs" / "fragments-finetuned" / "split-2" / "backbone.safetensors"
    assert '"last_layer": "conv7"' in run_aqa("weights", "inspect", str(weights)).output


SCORINGNET = ["--head", "scoringnet", "-p", "difficulty_stages=flight", "--split", "2"]
SCORINGNET += ["-p", "execution_stages=flight,entry", "--clip-length", "4", "--stride", "4"]


@pytest.fixture
def staged(workspace: Path) -> Path:
    """The same videos, with difficulties, hand-labelled stages and an action."""
    path = workspace / "manifest.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for i, row in enumerate(rows):
        row |= {"difficulty": 2 + i % 3 / 2, "action": "diving"}
        row |= {"stage_flight": 2, "stage_entry": 6 if i % 2 else 5}
    write_manifest(path, rows)
    return workspace


def test_scoringnet_with_its_backbone(staged: Path, run_aqa: Callable[..., Result]) -> None:
    command = ["finetune", *QUICK, *SMALL, *SCORINGNET]
    run_aqa(*command)
    run = staged / "runs" / "scoringnet-finetuned" / "split-2"
    record = json.loads((run / "run.json").read_text())
    epoch = record["epoch"]["number"]
    assert record["chosen"] == {
        "best_epoch": {"difficulty": epoch, "execution": epoch},
        "rule": "product",
    }
    evaluation = ("eval", "--no-baseline", "--head", "scoringnet-finetuned", "--json")
    results = json.loads(run_aqa(*evaluation).stdout)["results"]
    assert [(r["head"], r["n"]) for r in results] == [("scoringnet-finetuned", 2)] * 3
    assert [r.get("part") for r in results] == [None, "difficulty", "execution"]
    # The kfs that was fitted on the trained backbone tells the stages; nobody else does.
    assert "told" not in results[0]
    scored = run_aqa("score", "v3.avi", "--head", "scoringnet-finetuned", "--split", "2").output
    with (run / "predictions.csv").open() as file:
        predicted = {row["video_id"]: row for row in csv.DictReader(file)}
    assert f"{float(predicted['v3']['predicted']):.2f}" in scored
    parts = [float(predicted["v3"][f"predicted_{part}"]) for part in ("difficulty", "execution")]
    assert float(predicted["v3"]["predicted"]) == pytest.approx(parts[0] * parts[1])

    # Another label is another training.
    path = staged / "manifest.csv"
    path.write_text(path.read_text().replace(",diving,2,6", ",diving,3,6", 1))
    assert "--restart" in run_aqa(*command, code=1).output


def test_scoringnet_starts_from_a_fitted_one_and_from_no_kfs(
    staged: Path, run_aqa: Callable[..., Result]
) -> None:
    cut = ["--clip-length", "4", "--stride", "4"]
    run_aqa("extract", "--backbone", "tiny3d", "--quiet", *cut)
    few = ["-p", "epochs=3", "-p", "device=cpu", *SMALL, "--split", "2"]
    run_aqa("fit", "--head", "kfs", *few)
    run_aqa("fit", *SCORINGNET[:4], *SCORINGNET[6:8], *few)
    still = ["--lr-backbone", "0", "--lr-head", "1e-30", "--epochs", "1", "--split", "2"]
    command = ["finetune", *QUICK, "--head", "scoringnet", *cut, *still]
    run_aqa(*command, "--from", "runs/scoringnet")
    fitted, tuned = (
        tensors(staged / "runs" / name / "split-2", "model.safetensors")
        for name in ("scoringnet", "scoringnet-finetuned")
    )
    assert all(torch.equal(fitted[key], tuned[key]) for key in fitted)
    assert {key.partition(".")[0] for key in tuned.keys() - fitted.keys()} == {"kfs"}
    printed = run_aqa(*command, "--from", "runs/kfs", "--runs", "new", code=1).output
    assert "kfs was fitted on features of the backbone as it was" in printed
    assert "leave out --from" in printed
    assert not (staged / "new").exists()


# Defaults that these heads had.
EARLIER = ("-p", "validation=0.15", "-p", "standardise=true")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("lstm", [*SMALL, *EARLIER, "--split", "2"]),
        ("gdlt", ["-p", "hidden=8", "-p", "attention_heads=2", "--split", "2"]),
        ("scoringnet", [*SMALL, *EARLIER, *SCORINGNET[2:]]),
    ],
)
def test_the_settings_of_an_earlier_version_are_recognised(
    workspace: Path,
    request: pytest.FixtureRequest,
    run_aqa: Callable[..., Result],
    name: str,
    arguments: list[str],
) -> None:
    """tests/legacy/finetune holds what aqa 0.1.0 recorded of trainings on the same videos."""
    if name == "scoringnet":
        request.getfixturevalue("staged")
    command = ["finetune", *QUICK, "--head", name, "--epochs", "1", *arguments]
    run_aqa(*command)
    path = workspace / "runs" / f"{name}-finetuned" / "split-2" / "run.json"
    record = json.loads(path.read_text())
    earlier = json.loads((LEGACY / f"{name}.json").read_text())
    record["finetuned"], record["params"] = earlier, earlier["params"]
    path.write_text(json.dumps(record))
    assert "reused" in run_aqa(*command).output
    assert "recipe.epochs is 1, not 2" in run_aqa(*command, "--epochs", "2", code=1).output


NET = """
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from aqa.models.heads import OneNetworkAdapter, ScoreNetworkHead, param


class Mean(nn.Module):
    def __init__(self, dim, width):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x, lengths):
        return self.layers(x.sum(1) / lengths[:, None]).squeeze(1)


@dataclass(repr=False, eq=False)
class MeanHead(ScoreNetworkHead):
    width: int = param(4, "of the hidden layer; ours")
    end_to_end: ClassVar = OneNetworkAdapter

    def build(self, dim):
        return Mean(dim, self.width)


@dataclass(repr=False, eq=False)
class UndeclaredHead(ScoreNetworkHead):
    def build(self, dim):
        return Mean(dim, 2)


HEAD = MeanHead
"""


def test_an_outsiders_head(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    (workspace / "mean.py").write_text(NET)
    command = ["finetune", *QUICK, "--head", "mean.py", "-p", "width=3", "--split", "2"]
    assert "runs/mean-finetuned/split-2: epoch" in run_aqa(*command).output
    assert "reused" in run_aqa(*command).output
    record = json.loads((workspace / "runs/mean-finetuned/split-2/run.json").read_text())
    assert record["params"]["width"] == 3
    assert record["source"]["sha256"]
    undeclared = [*QUICK, "--head", "mean.py:UndeclaredHead"]
    printed = run_aqa("finetune", *undeclared, code=2).output
    assert "mean.py:UndeclaredHead cannot be trained end to end" in printed
    (workspace / "mean.py").write_text(NET.replace("nn.ReLU()", "nn.Tanh()"))
    assert "head_source" in run_aqa(*command, code=1).output


def test_videos_without_labels_are_left_out_by_name(
    staged: Path, run_aqa: Callable[..., Result]
) -> None:
    path = staged / "manifest.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for number in (1, 3, 5):  # of split 2: training, validation, test
        rows[number]["stage_entry"] = ""
    write_manifest(path, rows)
    command = ["finetune", *QUICK, *SMALL, *SCORINGNET, "--epochs", "1", "--best-on-test"]
    assert "--skip-incomplete" in run_aqa(*command, code=1).output
    printed = run_aqa(*command, "--skip-incomplete").output
    assert "left out: v1: no stage entry" in printed
    run = staged / "runs" / "scoringnet-finetuned" / "split-2"
    record = json.loads((run / "run.json").read_text())
    assert record["left_out"] == {f"v{i}": "no stage entry" for i in (1, 3, 5)}
    assert not {"v1", "v3"} & {*record["split"]["train"], *record["split"]["val"]}
    with FeatureStore.open(run / "features.h5") as store:
        assert set(store) == {f"v{i}" for i in (0, 2, 4, 5, 6, 7, 8, 9)}
    # The test video is scored: the trained kfs tells its stages.
    run_aqa("eval", "--no-baseline", "--head", "scoringnet-finetuned", "--skip-incomplete")
    with (run / "predictions.csv").open() as file:
        assert {"v0", "v5"} <= {row["video_id"] for row in csv.DictReader(file)}
    assert "reused" in run_aqa(*command, "--skip-incomplete").output


@pytest.mark.parametrize(
    ("row", "column", "arguments", "problem"),
    [
        (None, "stage_flight", [], "train videos of split 2 .*no stage flight"),
        (
            1,
            "stage_entry",
            [],
            r"train videos .*have no first frame of some stages: v\d \(entry\); .*--skip-inc",
        ),
        (
            3,
            "stage_entry",
            [],
            r"val videos .*have no first frame of some stages: v\d \(entry\); ",
        ),
        (3, "difficulty", [], "val videos of split 2 .*1 of 2 .* no difficulty"),
        (None, "action", [], "train videos .*-p rule=product or -p rule=sum"),
        (
            0,
            "stage_entry",
            ["--best-on-test"],
            "test videos .*have no first frame",
        ),
        (None, "path", ["-p", "execution_stages=fall"], "no stage fall; the stages are before"),
    ],
)
def test_what_scoringnet_lacks_is_refused_before_a_video_is_read(
    staged: Path,
    run_aqa: Callable[..., Result],
    row: int | None,
    column: str,
    arguments: list[str],
    problem: str,
) -> None:
    import re

    path = staged / "manifest.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for number, own in enumerate(rows):
        if column != "path" and row in (None, number):
            own[column] = ""
        (staged / own["path"]).unlink()
    write_manifest(path, rows)
    printed = run_aqa("finetune", *QUICK, *SCORINGNET, *arguments, code=1).output
    assert re.search(problem, printed), printed
    assert row is None or rows[row]["video_id"] in printed
    assert not (staged / "runs").exists()


def test_the_best_epoch_on_test_is_called_that(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    command = ["finetune", *QUICK, *SMALL, "--split", "1", "--epochs", "1", "--best-on-test"]
    assert (
        "lstm-finetuned-best-on-test/split-1: epoch 1 of 1 (best-on-test)"
        in run_aqa(*command).output
    )
    run_aqa("eval", "--head", "lstm-finetuned", "--head", "lstm-finetuned-last")
    evaluation = ["eval", "--no-baseline", "--head", "lstm-finetuned-best-on-test"]
    assert "has learned from 2 of 2 test videos" in run_aqa(*evaluation, code=1).output
    (result,) = json.loads(run_aqa(*evaluation, "--allow-leak", "--json").stdout)["results"]
    assert result["leak"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--head", "svr"], "svr cannot be trained end to end; those that can: .*lstm"),
        (["--split", "3"], "unknown split '3'"),
        (["--layer", "fc6"], "unknown layer of tiny3d 'fc6'"),
        (["--weights", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--from", "nowhere"], "'nowhere' does not exist"),
        (["-p", "lr=1"], "-p lr: .* has options for this; see .*--lr-head"),
        (["--seed", "1", "-p", "seed=5"], "--seed and -p seed=5 say the same thing"),
        (["-p", "difficulty=input"], "told nothing beside pixels; leave out -p difficulty"),
        (["--head", "fragments"], "layer pool of tiny3d gives vectors, fragments takes maps"),
        (["-p", "hiden=3"], "no parameter 'hiden'; did you mean 'hidden'"),
        (["-p", "hidden=0"], "hidden=0 is not a number, 1 or more"),
        (["-p", "validation=0"], "8 training videos and 0 for validation.*-p validation=0.15"),
        (["--clip-length", "8", "--frames", "4"], "videos of 4 frames .* shorter than one clip"),
        (["--device", "gpu"], "device 'gpu' is not available"),
        (["--lr-head", "0"], "not in the range x>0"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_in_one_line(
    workspace: Path, run_aqa: Callable[..., Result], arguments: list[str], problem: str
) -> None:
    import re

    data = ("none.safetensors", "layer pool", "8 training videos")
    code = 1 if problem.startswith(data) else 2
    printed = run_aqa("finetune", *QUICK, "--split", "1", *arguments, code=code).output
    assert re.search(problem, printed), printed
    assert not (workspace / "runs").exists()


def test_videos_that_cannot_be_read(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    (workspace / "v0.avi").write_bytes(b"no video")
    (workspace / "v4.avi").unlink()
    command = ["finetune", *QUICK, *SMALL, "--split", "1", "--epochs", "1"]
    printed = run_aqa(*command, code=1).output
    for part in ("2 of 8 videos", "v0: ", "not a video", "v4: ", "no such", "--skip-missing"):
        assert part in printed
    assert not (workspace / "runs").exists()
    printed = run_aqa(*command, "--skip-missing").output
    assert "left out: v0: " in printed
    record = json.loads((workspace / "runs/lstm-finetuned/split-1/run.json").read_text())
    assert record["left_out"].keys() == {"v0", "v4"}
    assert "not a video" in record["left_out"]["v0"]
    assert not {"v0", "v4"} & {*record["split"]["train"], *record["split"]["val"]}


BACKBONE = """
from torch import nn

from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3)

    def forward(self, x):
        return self.conv(x).relu().mean((2, 3, 4))


def make():
    preprocess = Preprocess(resize=(12, 16), crop=(12, 12), scale=1 / 255)
    return BackboneSpec(net=Net(), preprocess=preprocess, clip_length=8, shape=4)
"""


def test_an_outsiders_backbone(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    (workspace / "net.py").write_text(BACKBONE)
    network = ["--backbone", "net.py:make", "--weights", "random"]
    command = ["finetune", *QUICK, *SMALL, *network, "--split", "2"]
    assert "runs/lstm-finetuned/split-2: epoch" in run_aqa(*command).output
    evaluation = ("eval", "--no-baseline", "--head", "lstm-finetuned", "--json")
    (result,) = json.loads(run_aqa(*evaluation).stdout)["results"]
    assert result["n"] == 2
    assert "reused" in run_aqa(*command).output
    (workspace / "net.py").write_text(BACKBONE.replace("relu", "tanh"))
    assert "backbone_source" in run_aqa(*command, code=1).output


def test_a_target_is_trained_in_a_folder_of_its_own(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    path = workspace / "manifest.csv"
    rows = list(csv.DictReader(path.read_text().splitlines()))
    for i, row in enumerate(rows):
        row["score_tes"] = "" if i == 1 else str(i / 10)
    write_manifest(path, rows)
    options = [*QUICK, *SMALL, "--split", "2", "--target", "tes"]
    said = run_aqa("finetune", *options, code=1).output
    assert "no score_tes for 1 of 8 videos of split 2: v1" in said
    assert not (workspace / "runs").exists()
    run_aqa("finetune", *options, "--skip-incomplete")
    run = workspace / "runs" / "lstm-finetuned@tes" / "split-2"
    record = json.loads((run / "run.json").read_text())
    assert record["target"] == "tes"
    assert list(record["left_out"]) == ["v1"]
    with (run / "predictions.csv").open() as file:
        scores = {row["video_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert scores["v3"] == 0.3
    found = json.loads(run_aqa("eval", "--no-baseline", "--json").stdout)["results"]
    assert {(one["head"], one["target"]) for one in found} == {
        ("lstm-finetuned", "tes"),
        ("lstm-finetuned-last", "tes"),
    }
    (scored,) = json.loads(run_aqa("score", "v3.avi", "--head", "lstm-finetuned", "--json").stdout)[
        "scores"
    ]
    assert (scored["head"], scored["target"]) == ("lstm-finetuned", "tes")

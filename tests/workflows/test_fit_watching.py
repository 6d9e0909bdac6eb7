"""What is told of a fit: a history that grows, a bar, TensorBoard, and anybody's logger."""

from __future__ import annotations

import csv
import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from aqa.models.training.callback import TrainingCallback
from aqa.workflows.fit_watching import TrainingBar, told_run

FIT = ["fit", "--head", "lstm", "-p", "epochs=2", "-p", "hidden=4", "-p", "device=cpu"]
FIT += ["--split", "1"]
LOGGER = """
from aqa.models.training.callback import TrainingCallback

class CALLBACK(TrainingCallback):
    def __init__(self):
        self.file = open("told.txt", "a")
    def start(self, run, params):
        print("start", run, params["hidden"], file=self.file)
    def epoch(self, row):
        print("epoch", row["epoch"], file=self.file)
    def end(self, metrics):
        print("end", "train/spearman" in metrics, file=self.file)
        self.file.close()
"""


@pytest.fixture
def workspace(evaluated_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(evaluated_runs, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def test_the_history_grows_and_stays_where_fitting_is_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "lstm" / "split-1"
    grown = folder.with_name("history-split-1.csv")

    def history() -> list[tuple[str, str]]:
        with grown.open(newline="") as file:
            return [(row["network"], row["epoch"]) for row in csv.DictReader(file)]

    class Reader(TrainingCallback):
        """Reads the file after each epoch, and stops fitting at the third."""

        def epoch(self, row: Any) -> None:
            found.append(history())
            if len(found) == 3:
                raise KeyboardInterrupt

    def train() -> None:
        from aqa.models.training.callback import tell_epoch, tell_network

        for network in (2, 2):
            tell_network(network)
            for number in range(network):
                tell_epoch({"epoch": number + 1, "train_loss": 0.5})

    found: list[list[tuple[str, str]]] = []
    with pytest.raises(KeyboardInterrupt), told_run(folder, {}, [Reader()]) as told:  # noqa: SIM117
        with told.training():
            train()
    assert found[-1] == [("1", "1"), ("1", "2"), ("2", "1")] == history()
    with told_run(folder, {}, []) as told:
        with told.training():
            train()
        assert len(history()) == 4
        train()  # another fit, on a part of the videos
        assert len(history()) == 4
    assert not grown.exists()


def test_a_file_of_ones_own_is_told_of_the_run_and_not_of_its_folds(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    Path("log.py").write_text(LOGGER)
    run_aqa(*FIT, "--log", "log.py")
    told = Path("told.txt").read_text().splitlines()
    assert told[0] == "start lstm/split-1 4"
    assert told[-1] == "end True"
    with (workspace / "runs/lstm/split-1/history.csv").open(newline="") as file:
        assert told[1:-1] == [f"epoch {row['epoch']}" for row in csv.DictReader(file)]
    assert not list((workspace / "runs/lstm").glob("history*"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wandb", "use tensorboard:FOLDER, or path/to/file.py"),
        ("absent.py", "absent.py"),
        ("other.py", "is no aqa.models.training.callback.TrainingCallback"),
    ],
)
def test_what_is_no_logger_is_refused_before_anything_is_fitted(
    workspace: Path, run_aqa: Callable[..., Result], text: str, says: str
) -> None:
    Path("other.py").write_text("CALLBACK = 3\n")
    code = 2 if text == "wandb" else 1  # a file that is not there, or not as it should be
    assert says in run_aqa(*FIT, "--name", "new", "--log", text, code=code).output
    assert not (workspace / "runs" / "new").exists()


def test_tensorboard_shows_every_epoch(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run_aqa(*FIT, "--no-ranges", "--log", "tensorboard:curves")
    events = EventAccumulator("curves/lstm/split-1").Reload()
    with (workspace / "runs/lstm/split-1/history.csv").open(newline="") as file:
        losses = [float(row["train_loss"]) for row in csv.DictReader(file)]
    assert [one.value for one in events.Scalars("train_loss")] == pytest.approx(losses)
    assert [one.step for one in events.Scalars("train_loss")] == [*range(1, len(losses) + 1)]
    assert "train/spearman" in events.Tags()["scalars"]


def test_the_bar_shows_the_loss_on_a_terminal_and_nothing_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for terminal in (True, False):
        shown = io.StringIO()
        monkeypatch.setattr(shown, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(sys, "stderr", shown)
        bar = TrainingBar()
        bar.start("lstm/split-1", {})
        bar.network(3)
        assert bar._bar is not None
        bar._bar.mininterval, bar._bar.miniters = 0, 1  # draw each epoch, however fast they come
        for number in (1, 2, 3):
            bar.epoch({"epoch": number, "train_loss": 0.25, "lr": 0.1})
        bar.end({})
        if terminal:
            assert "lstm/split-1" in shown.getvalue()
            assert "3/3" in shown.getvalue()
            assert "train_loss 0.25" in shown.getvalue()
        else:
            assert shown.getvalue() == ""


class Recorder:
    """Stands for a logger's module: keeps the names of what is called, and answers with itself."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(*_: object, **__: object) -> Recorder:
            self.calls.append(name)
            return self

        if name == "summary":
            return self
        return call


@pytest.mark.parametrize(
    ("module", "first", "each", "last"),
    [
        ("wandb", "init", "log", "finish"),
        ("mlflow", "set_experiment", "log_metrics", "end_run"),
    ],
)
def test_the_examples_log(
    workspace: Path,
    root: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    first: str,
    each: str,
    last: str,
) -> None:
    logger = Recorder()
    monkeypatch.setitem(sys.modules, module, logger)
    run_aqa(*FIT, "--no-ranges", "--log", str(root / "examples" / f"{module}_log.py"))
    assert (logger.calls[0], logger.calls[-1]) == (first, last)
    assert logger.calls.count(each) >= 2

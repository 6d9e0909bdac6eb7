"""`aqa finetune` under torchrun: a process that is killed costs an epoch, and nothing else."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest

PARENT = Path(__file__).resolve().parents[3]
# The second process dies in the second epoch, once. Each ends where torchrun is no more: it cannot
# end them itself where it is killed, as by the timeout of the test.
TRAIN = """
import os, signal, sys, threading, time
from pathlib import Path
from aqa.cli import main
from aqa.workflows.finetune.trainer import FineTuner

epoch, died, parent = FineTuner.epoch, Path("died"), os.getppid()

def end_with_torchrun():
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)

def dying(self, videos, number, progress=None):
    if (number, self.group.rank) == (2, 1) and not died.exists():
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return epoch(self, videos, number, progress)

FineTuner.epoch = dying
threading.Thread(target=end_with_torchrun, daemon=True).start()
main()
"""


@pytest.fixture
def workspace(tmp_path: Path, write_video: Callable[..., Path]) -> Path:
    """Four videos of one clip, as bright as their score."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(4):
        frames = [rng.integers(40 * i, 40 * i + 40, (24, 32, 3)).astype(np.uint8) for _ in range(9)]
        path = write_video(f"v{i}.avi", frames)
        part = "val" if i == 3 else "train"
        rows.append({"video_id": f"v{i}", "path": path, "score": 10 * i, "split_1": part})
    write_manifest(tmp_path / "manifest.csv", rows)
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def losses_in(runs: Path) -> list[float]:
    """The validation loss before training and after each epoch."""
    path = runs / "lstm-finetuned-last" / "split-1" / "history.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row["val_loss"]) for row in csv.DictReader(file)]


def test_torchrun_goes_on_where_a_process_was_killed(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    """It ends the other process and starts both again, which train the second epoch once more."""
    training = ["finetune", "--backbone", "tiny3d", "--head", "lstm", "-p", "hidden=4"]
    training += ["--epochs", "3", "--lr-head", "0.02", "--lr-backbone", "0.001"]
    training += ["--device", "cpu", "--split", "1", "--runs"]
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
        *("--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"),  # a port that is free
        *("--max-restarts", "3", "train.py", *training, "two"),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PARENT)}
    done = subprocess.run(
        command, cwd=workspace, env=environment, capture_output=True, text=True, timeout=400
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert (workspace / "died").exists()
    assert said.count("epoch 1: train loss") == 1, said  # it went on behind it
    assert said.count("epoch 2: train loss") == 1
    run_aqa("-C", str(workspace), *training, str(workspace / "one"))
    losses = {runs: losses_in(workspace / runs) for runs in ("two", "one")}
    assert len(losses["one"]) == 4
    assert max(losses["one"]) > 1.2 * min(losses["one"])  # what is lost would be seen
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-3)

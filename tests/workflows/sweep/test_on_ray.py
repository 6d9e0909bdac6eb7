"""A search on Ray finds what one here finds, outlives its workers, and goes on after Ctrl-C."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.errors import AqaError, HeadUsageError
from aqa.extract.parallel.messages import Crashed
from aqa.extract.parallel.ray_cluster import RayCluster
from aqa.extract.parallel.sent_file import SentFile
from aqa.features.store import FeatureStore, import_arrays
from aqa.files import sha256_of
from aqa.workflows.sweep import on_ray
from aqa.workflows.sweep.trial import Search, SweepTrial, TrialTask, run_trial

# After so many seconds something has hung, however busy the machine is.
HANGS = 300
# Of its settings, one takes its process down where it is tried first, and one waits for a file.
HEAD = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from aqa.models.heads.svr import SVRHead

HERE = Path({folder!r})

@dataclass(repr=False, eq=False)
class Odd(SVRHead):
    way: str = "plain"

    def fit_examples(self, train, validation=None, **more):
        died = HERE / "died"
        if self.way == "deadly" and not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while self.way == "slow" and not (HERE / "go").exists():
            time.sleep(0.05)
        return super().fit_examples(train, validation, **more)
"""


@pytest.fixture
def workspace(tmp_path: Path, rng: np.random.Generator) -> Path:
    ids = [f"v{k:02d}" for k in range(24)]
    score = rng.uniform(20, 90, len(ids)).round(1)
    rows = [
        {"video_id": i, "path": "", "score": s, "split_1": "train" if k < 18 else "test"}
        for k, (i, s) in enumerate(zip(ids, score, strict=True))
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    features = score[:, None, None] / 100 + rng.normal(scale=0.15, size=(len(ids), 2, 4))
    import_arrays(
        tmp_path / "stores" / "made.h5", dict(zip(ids, features, strict=True)), source="drawn"
    )
    (tmp_path / "odd.py").write_text(HEAD.format(folder=str(tmp_path)))
    return tmp_path


@pytest.fixture
def sent(workspace: Path) -> tuple[Search, SentFile, SentFile, dict[str, str]]:
    """What a worker is told on a machine that has neither the store nor the head's file."""
    there = []
    for path in (workspace / "stores" / "made.h5", workspace / "odd.py"):
        content = path.read_bytes()
        there.append(SentFile(f"/no/such/{path.name}", sha256_of(path), lambda c=content: c))
    manifest = Manifest.read(workspace / "manifest.csv")
    search = Search("/no/such/odd.py:Odd", manifest, workspace / "runs", "odd-sweep")
    return search, *there, on_ray._versions()


def task_of(workspace: Path, *setting: str) -> TrialTask:
    split = Manifest.read(workspace / "manifest.csv").split("1")
    return TrialTask("key", setting, split)


def test_a_worker_elsewhere_is_sent_the_store_and_the_heads_file(
    workspace: Path,
    sent: tuple[Search, SentFile, SentFile, dict[str, str]],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = tmp_path_factory.mktemp("there")
    monkeypatch.setattr("tempfile.tempdir", str(there))
    monkeypatch.setattr(on_ray, "_STORES", {})
    task = task_of(workspace, "C=1")
    found = [on_ray._try(sent, task), on_ray._try(sent, task)]
    assert [*there.iterdir()] == []  # what was sent does not stay
    search = Search("svr", sent[0].manifest, workspace / "runs", "odd-sweep")
    with FeatureStore.open(workspace / "stores" / "made.h5") as store:
        here = run_trial(search, task.setting, task.split, store)
    for one in found:
        assert isinstance(one, SweepTrial)
        assert one.values == here.values
    (opened,) = on_ray._STORES.values()
    opened.close()


def test_what_a_worker_meets_is_told(
    workspace: Path,
    sent: tuple[Search, SentFile, SentFile, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task = task_of(workspace, "C=1")
    other = (*sent[:3], {**sent[3], "aqa": "0.0"})
    answer = on_ray._try(other, task)
    assert isinstance(answer, AqaError)
    assert "not 0.0; install the same on every machine" in str(answer)
    assert isinstance(on_ray._try(sent, task_of(workspace, "C=-1")), HeadUsageError)
    monkeypatch.setattr(on_ray, "_opened", lambda store: 1 / 0)
    assert isinstance(answer := on_ray._try(sent, task), Crashed)
    assert "ZeroDivisionError" in answer.trace


def test_without_ray_one_line_says_what_to_install(
    workspace: Path,
    sent: tuple[Search, SentFile, SentFile, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        FeatureStore.open(workspace / "stores" / "made.h5") as store,
        pytest.raises(AqaError, match=r"pip install aqa-toolkit\[ray\]"),
    ):
        next(on_ray.trials_on_ray(sent[0], [task_of(workspace)], store, RayCluster()))


def test_an_address_without_a_cluster_is_wrong_usage(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    arguments = ["-p", "C=1", "-p", "C=2", "--ray-address", "auto"]
    told = run_aqa("-C", str(workspace), "sweep", "--head", "svr", *arguments, code=2).output
    assert "--ray-address goes with --on ray" in told


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no Ray (extra ray)")
def test_a_worker_that_dies_and_ctrl_c_lose_nothing(
    workspace: Path, ray_client: str, run_aqa: Callable[..., Result]
) -> None:
    ways = [word for way in ("plain", "deadly", "slow") for word in ("-p", f"way={way}")]
    sweep = ["sweep", "--head", f"{workspace / 'odd.py'}:Odd", *ways, "--no-ranges"]
    on_cluster = [*sweep, "--on", "ray", "--ray-address", ray_client]
    journal = workspace / "runs" / "odd-sweep" / "sweep.json"
    with subprocess.Popen(
        [sys.executable, "-m", "aqa", *on_cluster],
        cwd=workspace,
        stderr=subprocess.PIPE,
        text=True,
        # a shell that starts it in the background would have it ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            until = time.monotonic() + HANGS
            while not (journal.exists() and len(json.loads(journal.read_text())) == 2):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < until
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=HANGS)
        finally:
            process.kill()
    assert process.returncode == 130
    assert (workspace / "died").exists()
    found = json.loads(journal.read_text())
    assert len(found) == 2
    (workspace / "go").touch()
    run_aqa("-C", str(workspace), *sweep)  # it goes on without Ray
    there = json.loads(journal.read_text())
    assert {key: there[key] for key in found} == found  # they were not tried again
    run_aqa("-C", str(workspace), *sweep, "--runs", str(workspace / "here"))
    here = json.loads((workspace / "here" / "odd-sweep" / "sweep.json").read_text())
    assert {key: one["values"] for key, one in there.items()} == {
        key: one["values"] for key, one in here.items()
    }

"""A video that is cut short: every command that decodes it says so, on stderr and in its record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.extract import learn_isa

EARLY = "v0.avi: ended early: "


@pytest.fixture
def workspace(
    tmp_path: Path,
    rng: np.random.Generator,
    write_video: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Six videos of moving noise; of the first, a training video, the end of the file is lost."""
    rows = []
    for i in range(6):
        still = rng.integers(0, 40 + 30 * i, (96, 200, 3), np.uint8)
        frames = [np.ascontiguousarray(still[:, k : k + 128]) for k in range(40)]
        path = write_video(f"v{i}.avi", frames)
        row = {"video_id": f"v{i}", "path": path.name, "score": 10 * i}
        rows.append(row | {"split_1": "test" if i == 5 else "val" if i == 4 else "train"})
    write_manifest(tmp_path / "manifest.csv", rows)
    whole = (tmp_path / "v0.avi").read_bytes()
    (tmp_path / "v0.avi").write_bytes(whole[: len(whole) * 3 // 4])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def warned(result: Result) -> int:
    """How often the cut video, and no other, is warned of on stderr."""
    lines = [line for line in result.stderr.splitlines() if "ended early" in line]
    assert all(line.startswith("warning: ") and EARLY in line for line in lines), lines
    return len(lines)


def test_extract_score_and_feedback_warn_of_it(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    assert warned(run_aqa("extract", "--backbone", "tiny3d", "--quiet")) == 1
    run_aqa("fit", "--head", "wd", "-p", "epochs=1", "-p", "device=cpu")
    assert warned(run_aqa("score", "v0.avi", "v1.avi")) == 1
    printed = run_aqa("score", "v0.avi", "v1.avi", "--json")
    assert warned(printed) == 1
    first, second = json.loads(printed.stdout)["scores"]
    assert "ended early: 29 of 40 frames" in first["warning"]
    assert "ended early" not in second["warning"]  # but that it was learned from
    assert warned(run_aqa("feedback", "v0.avi", "--head", "wd")) == 1
    printed = run_aqa("feedback", "v0.avi", "--head", "wd", "--json")
    assert any(EARLY in line for line in json.loads(printed.stdout)["warnings"])


def test_finetune_warns_of_it_and_keeps_it_in_the_run(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    quick = ["--backbone", "tiny3d", "--head", "lstm", "-p", "hidden=4", "--epochs", "1"]
    printed = run_aqa("finetune", *quick, "--device", "cpu", "--quiet")
    assert warned(printed) >= 1
    for name in ("lstm-finetuned", "lstm-finetuned-last"):
        record = json.loads((workspace / f"runs/{name}/split-1/run.json").read_text())
        line = record["warnings"][0]
        assert line.startswith(f"v0: {workspace}/v0.avi: ")


def test_isa_warns_of_it(
    workspace: Path, run_aqa: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learn_isa, "LEAST", 400)
    printed = run_aqa("isa", "--split", "1", "--blocks", "400", "--steps", "1")
    assert warned(printed) == 1
    assert "learned from 4 videos" in printed.stdout

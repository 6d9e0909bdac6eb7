"""The benchmark for a GPU, in tiny form on a CPU: every section runs and writes its rows."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from aqa.benchmarks import gpu
from aqa.benchmarks.gpu import SECTIONS, Bench
from aqa.extract.backbones import backbone_names

# What each section must have measured, and a number (or a truth) in its rows.
MEASURED = {
    "a": {"features": "float32_ok", "resumed store": "bytes_equal", "head": "ok"},
    "b": {
        "matrix peak": "bfloat16_tflops",
        "plain loop": "clips_per_s",
        "forward": "share_of_matrix_peak",
        "switch": "clips_per_s",
        "with decoding": "clips_per_s",
    },
    "c": {"files to store": "sound"},
    "d": {"epoch": "plain_seconds"},
    "e": {"work": "gflop_per_clip", "forward": "clips_per_s", "epoch": "seconds_per_video"},
}


@pytest.fixture
def video(numbered_video: Callable[..., Path]) -> Path:
    return numbered_video(40)


def run(section: str, video: Path, out: Path, *options: str) -> list[dict[str, Any]]:
    arguments = [section, "--out", str(out), "--video", str(video), "--device", "cpu", "--quick"]
    result = CliRunner().invoke(gpu.main, [*arguments, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_measures_what_it_is_for(section: str, video: Path, tmp_path: Path) -> None:
    rows = run(section, video, tmp_path / "out")
    assert rows[0]["what"] == "machine"
    assert rows[-1]["what"] == "section"
    assert not any("skipped" in row for row in rows)
    for what, value in MEASURED[section].items():
        found = [row[value] for row in rows if row["what"] == what]
        assert found, what
        assert all(one > 0 for one in found), what  # True, too


def test_every_backbone_has_a_row_and_the_largest_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("drift", "resumed", "head_moves"):
        monkeypatch.setattr(gpu.gpu_checks, name, lambda *_: {})
    gpu.gpu_checks.run(Bench("a", tmp_path, tmp_path, torch.device("cpu"), 60, quick=False))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    names = [row["backbone"] for row in rows if row["what"] == "features"]
    assert sorted(names) == sorted(backbone_names())
    after = rows[[row["what"] for row in rows].index("resumed store") :]
    large = [row["backbone"] for row in after if row["what"] == "features"]
    assert large == ["clip-h14", "dinov2-g", "clip-bigg14"]


def test_what_time_is_left_for_is_measured_and_the_rest_is_named(
    video: Path, tmp_path: Path
) -> None:
    rows = run("b", video, tmp_path / "out", "--budget", "0")
    skipped = [row for row in rows if "skipped" in row]
    assert {row["what"] for row in skipped} == {
        *("plain loop", "forward", "switch", "with decoding")
    }
    assert all("time is used up" in row["skipped"] for row in skipped)


def test_memory_that_does_not_suffice_is_a_row(tmp_path: Path) -> None:
    bench = Bench("b", tmp_path, tmp_path, torch.device("cpu"), 60, quick=True)

    def too_large() -> dict[str, float]:
        raise torch.cuda.OutOfMemoryError

    bench.measure(too_large, what="forward", batch=128)
    (row,) = map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())
    assert row == {"section": "b", "what": "forward", "batch": 128, "skipped": "out of memory"}


def test_what_fails_is_a_row_and_the_rest_goes_on(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no kernel\nfor this card")

    monkeypatch.setattr(gpu.gpu_speed, "speed", broken)
    arguments = ["b", "--out", str(tmp_path), "--video", str(video), "--device", "cpu", "--quick"]
    result = CliRunner().invoke(gpu.main, arguments)
    assert result.exit_code == 1
    assert "2 rows of section b failed" in result.output
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    failed = [row for row in rows if "failed" in row]
    assert {row["what"] for row in failed} == {"forward", "switch"}
    assert failed[0]["failed"] == "RuntimeError: no kernel"
    assert any(row["what"] == "with decoding" for row in rows)


def test_the_script_gives_every_section_its_time_within_ten_minutes(
    root: Path, video: Path, tmp_path: Path
) -> None:
    """With a stand-in for Python, of which section c fails."""
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(
        f'#!/bin/sh\nls -d "${{PYTHONPATH%%:*}}/aqa/setup.cfg" >/dev/null || exit 9\n'
        f'echo "$@" >> {calls}\n[ "$3" != c ]\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        [root / "benchmarks" / "gpu.sh", tmp_path / "out", video],
        env={**os.environ, "PYTHON": str(python), "DEVICE": "cpu", "QUICK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["section c: exit code 1"]
    given = [line.split() for line in calls.read_text().splitlines()]
    assert [call[2] for call in given] == [*SECTIONS]
    assert all(call[:2] == ["-m", "aqa.benchmarks.gpu"] and "--quick" in call for call in given)
    budgets = [float(call[call.index("--budget") + 1]) for call in given]
    assert sum(budgets) + 20 * len(budgets) <= 600

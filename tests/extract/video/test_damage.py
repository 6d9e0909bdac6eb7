"""Damaged packets decode to wrong frames in silence; the command line tells of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from aqa.annotations.manifest import write_manifest


def damaged(source: Path, target: Path, n_bytes: int) -> None:
    data = bytearray(source.read_bytes())
    start = data.index(b"mdat") + 100
    rng = np.random.default_rng(1)
    for place in rng.integers(start, len(data) - 5000, size=n_bytes):
        data[place] = int(rng.integers(256))
    target.write_bytes(data)


def test_the_command_warns_of_damaged_videos_and_of_no_others(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "videos" / "v_GGSY1Qvo990.mp4"
    damaged(source, tmp_path / "damaged.mp4", 30)
    (tmp_path / "empty.mp4").write_bytes(b"")
    rows = [
        {"video_id": name, "path": path, "score": 1, "end_frame": 40}
        for name, path in (
            *(("sound", source), ("damaged", "damaged.mp4")),
            *(("empty", "empty.mp4"), ("again", source)),
        )
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    process = subprocess.run(
        [sys.executable, "-m", "aqa", "extract", "--backbone", "tiny3d"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    warnings = [line for line in process.stderr.splitlines() if line.startswith("warning")]
    assert process.returncode == 1, process.stderr
    assert "failed: empty: " in process.stderr
    assert process.stdout.count("\n") == 1
    assert "3 videos extracted" in process.stdout
    assert any("damaged.mp4: damaged: frames " in line for line in warnings)
    assert all(line.startswith("warning: damaged: ") for line in warnings)

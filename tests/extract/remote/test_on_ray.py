"""Videos at addresses on a cluster that is reached by Ray's client: its workers fetch them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.extract.backbones import load_backbone
from aqa.extract.run import extract

# After so many seconds something has hung, however busy the machine is.
HANGS = 300


def test_workers_fetch_what_they_decode(
    ray_client: str, server, numbered_video: Callable[..., Path], tmp_path: Path
) -> None:
    files = [numbered_video(20 + i, f"{i}.avi") for i in range(4)]
    server.files = {file.name: file.read_bytes() for file in files}
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        rows = [
            {
                "video_id": file.stem,
                "path": str(file) if place == "here" else f"{server.url(file.name)}?key=secret",
                "score": 1,
            }
            for file in files
        ]
        if place == "there":
            rows.append({"video_id": "gone", "path": server.url("gone.avi"), "score": 1})
        write_manifest(tmp_path / place / "manifest.csv", rows)
    videos = Manifest.read(tmp_path / "here" / "manifest.csv").videos
    extract(videos, load_backbone("tiny3d"), tmp_path / "here.h5")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "aqa", "-C", str(tmp_path / "there"), "extract"),
            *("--backbone", "tiny3d", "--store", str(tmp_path / "there.h5")),
            *("--on", "ray", "--ray-address", ray_client),
        ],
        capture_output=True,
        text=True,
        timeout=HANGS,
    )
    assert done.returncode == 1
    assert "4 videos extracted" in done.stdout
    assert f"failed: gone: {server.url('gone.avi')}: the server answers 404" in done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert not (tmp_path / "fetched").exists()  # this process has fetched nothing
    with h5py.File(tmp_path / "here.h5") as here, h5py.File(tmp_path / "there.h5") as there:
        for array in ("videos/id", "features", "clips", "blank"):
            assert there[array][()].tobytes() == here[array][()].tobytes()

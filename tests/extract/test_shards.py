"""Shares of the videos: each once, and a merge of their stores is the store made at once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import Manifest, Video, write_manifest
from aqa.cli import main
from aqa.errors import AqaError
from aqa.extract.run import extraction_order
from aqa.extract.shards import Shard


def test_every_video_is_in_one_share_and_those_of_a_file_in_the_same() -> None:
    videos = [Video(f"v{i}", Path(f"f{i % 5}.mp4"), 1.0, start_frame=i) for i in range(20)]
    videos.append(Video("none", None, 1.0))
    shares = [Shard(k, 3).of(videos) for k in (1, 2, 3)]
    assert sorted(video.id for share in shares for video in share) == sorted(v.id for v in videos)
    for share in shares:
        assert [v.id for v in share] == [v.id for v in videos if v in share]
    files = [{video.path for video in share} for share in shares]
    assert [len(f) for f in files] == [2, 2, 2]
    assert not files[0] & files[1]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", ""])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(AqaError, match=r"expected K/N with K from 1 to N, such as 2/8"):
        Shard.parse(text)


@pytest.fixture
def workspace(tmp_path: Path, numbered_video: Callable[..., Path]) -> Path:
    rows = [
        {"video_id": f"v{i}", "path": numbered_video(20 + i, f"v{i}.avi").name, "score": 1}
        for i in range(5)
    ]
    rows += [{"video_id": f"v{5 + i}", "path": "v0.avi", "score": 1} for i in range(2)]
    for row, start in zip(rows, (0, 0, 0, 0, 0, 3, 1), strict=True):
        row["start_frame"] = start
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def run(workspace: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["-C", str(workspace), *arguments], prog_name="aqa")
    assert result.exit_code == code, result.output
    return result


def test_the_lines_of_the_slurm_scripts(workspace: Path, root: Path) -> None:
    """Two tasks of an array, the second of them stopped and given again, and the merge."""
    (workspace / "bin").mkdir()
    aqa = workspace / "bin" / "aqa"
    aqa.write_text(f'#!/bin/sh\nexec {sys.executable} -m aqa "$@"\n')
    aqa.chmod(0o755)
    place = {
        **os.environ,
        "PATH": f"{aqa.parent}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "SHARES": "2",
    }

    def submit(name: str, *arguments: str, task: str = "") -> str:
        script = ["bash", str(root / "examples" / name), *arguments]
        return subprocess.run(
            script,
            cwd=workspace,
            env=place | ({"SLURM_ARRAY_TASK_ID": task} if task else {}),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert "5 videos extracted" in submit("slurm_extract.sh", "--backbone", "tiny3d", task="1")
    assert "2 videos extracted" in submit("slurm_extract.sh", "--backbone", "tiny3d", task="2")
    said = submit("slurm_merge.sh")
    assert "stores/all.h5: 7 videos, 7 of them new" in said
    assert "all sound" in said
    run(workspace, "extract", "--backbone", "tiny3d")
    with (
        h5py.File(workspace / "stores/all.h5") as a,
        h5py.File(workspace / "stores/tiny3d.h5") as b,
    ):
        for array in ("videos/id", "features", "clips", "blank", "videos/record_crc32"):
            assert a[array][()].tobytes() == b[array][()].tobytes()
        order = extraction_order(Manifest.read(workspace / "manifest.csv").videos)
        assert [i.decode() for i in a["videos/id"][()]] == [video.id for video in order]


def test_a_merge_tells_what_is_missing(workspace: Path) -> None:
    path = str(workspace / "part-2.h5")
    run(workspace, "extract", "--backbone", "tiny3d", "--shard", "2/3", "--store", path)
    merge = ("store", "merge", path, "-o", str(workspace / "all.h5"))
    refused = run(workspace, *merge, code=1)
    assert "all.h5: not written, as there is no part of the shards 1/3, 3/3; " in refused.output
    assert not (workspace / "all.h5").exists()
    result = run(workspace, *merge, "--partial")
    assert "2 videos, 2 of them new" in result.output
    assert "manifest.csv: 5 videos are in no part: v0, v6, v5, v2, v3" in result.output
    assert "no part of the shards 1/3, 3/3" in result.output


def test_a_merge_without_some_videos_is_written_and_says_so(workspace: Path) -> None:
    (workspace / "one.txt").write_text("v0\n")
    part, out = str(workspace / "part.h5"), workspace / "all.h5"
    only = ("--only", str(workspace / "one.txt"))
    run(workspace, "extract", "--backbone", "tiny3d", *only, "--store", part)
    result = run(workspace, "store", "merge", part, "-o", str(out), code=1)
    assert "6 videos are in no part" in result.output
    assert out.exists()
    run(workspace, "store", "merge", part, "-o", str(out), "--partial")


def test_a_share_needs_a_store_of_its_own(workspace: Path) -> None:
    result = run(workspace, "extract", "--backbone", "tiny3d", "--shard", "2/3", code=2)
    assert "--store, such as stores/parts/part-2.h5" in " ".join(result.output.split())
    assert "K from 1 to N" in run(workspace, "extract", "--shard", "9/3", code=2).output

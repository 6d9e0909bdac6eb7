"""Stages behind the end of a video, where only the video itself tells how long it is."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.late_stages import late_stages, refuse_late_stages
from aqa.annotations.manifest import Manifest, Video, write_manifest
from aqa.errors import HeadError

FINETUNE = ["finetune", "--backbone", "tiny3d", "--head", "scoringnet", "--epochs", "1", "--quiet"]
FINETUNE += ["-p", "difficulty_stages=flight", "-p", "execution_stages=flight,entry"]
FINETUNE += ["-p", "hidden=4", "--device", "cpu"]


def test_the_last_frame_is_not_late() -> None:
    video = Video("v", None, 1.0, stages={"flight": 3, "entry": 9})
    assert late_stages(video, 10) is None
    line = late_stages(video, 9)
    assert line == (
        "stage_entry=9: behind its end, it has frames 0 to 8 (stages count from start_frame)"
    )
    assert "stage_flight=3, stage_entry=9" in (late_stages(video, 3) or "")


def test_videos_are_named_and_counted() -> None:
    videos = [Video(f"v{i}", None, 1.0, stages={"entry": i}) for i in range(9)]
    manifest = Manifest(videos, Path("m.csv"))
    refuse_late_stages(manifest, manifest.ids, lambda _: 9)
    with pytest.raises(
        HeadError, match=r"m\.csv: 2 of its videos .*v7: stage_entry=7: .*; v8: stage"
    ):
        refuse_late_stages(manifest, manifest.ids, lambda _: 7)
    refuse_late_stages(manifest, ["v0", "v6"], lambda _: 7)


@pytest.fixture
def workspace(
    tmp_path: Path, numbered_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Eight videos of 32 frames with two stages; the last one's entry is frame 32."""
    rows = [
        {
            "video_id": f"v{i}",
            "path": numbered_video(32, f"v{i}.avi").name,
            "score": 10 * i + 5,
            "difficulty": 2 + i % 3 / 2,
            "action": "diving",
            "stage_flight": 8,
            "stage_entry": 32 if i == 7 else 16,
            "split_1": "test" if i == 6 else "val" if i in (4, 5) else "train",
        }
        for i in range(8)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mend(manifest: Path) -> None:
    rows = list(csv.DictReader(manifest.read_text().splitlines()))
    write_manifest(manifest, [{**row, "stage_entry": 16} for row in rows])


def test_extract_warns_and_heads_refuse(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    late = "v7.avi: stage_entry=32: behind its end, it has frames 0 to 31"
    said = run_aqa("extract", "--backbone", "tiny3d", "--quiet").stderr
    (line,) = [line for line in said.splitlines() if "stage_" in line]
    assert line.startswith("warning: v7: ")
    assert late in line
    kfs = ("fit", "--head", "kfs", "-p", "epochs=1", "-p", "device=cpu")
    output = run_aqa(*kfs, code=1).output
    assert (
        "manifest.csv: 1 of its videos have stages behind their end: v7: stage_entry=32" in output
    )
    assert "Traceback" not in output
    assert "v7: stage_entry=32" in run_aqa(*FINETUNE, code=1).output
    assert not list((workspace / "runs").rglob("run.json"))
    mend(workspace / "manifest.csv")
    run_aqa(*kfs)


def test_imported_features_do_not_tell_how_many_frames_there_are(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    np.savez("f.npz", **{f"v{i}": np.random.default_rng(i).random((3, 4)) for i in range(8)})
    run_aqa("store", "import", "f.npz")
    clips = ("-p", "bounds=clips", "-p", "C=1", "-p", "folds=2")
    run_aqa("fit", "--head", "s3d", *clips)


def test_probabilities_shorter_than_the_labels(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    np.savez("p.npz", **{f"v{i}": np.eye(3)[np.arange(32) // 11] for i in range(8)})
    command = ("stages", "p.npz", "--manifest", "manifest.csv")
    assert "v7: stage_entry=32: behind its end" in run_aqa(*command, code=1).output
    assert not (workspace / "stages.csv").exists()
    mend(workspace / "manifest.csv")
    run_aqa(*command)

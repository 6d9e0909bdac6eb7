"""Features and kinematics of elsewhere to feedback that tells frames and seconds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest

IDS = [f"v{k:02d}" for k in range(12)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """Twelve scored videos: a .npy of clips and a table of frames of each."""
    monkeypatch.chdir(tmp_path)
    rows = []
    for name in ("clips", "kinematics"):
        Path(name).mkdir()
    for k, video_id in enumerate(IDS):
        np.save(Path("clips") / f"{video_id}.npy", rng.random((5 + k % 3, 4), np.float32) + k)
        table = rng.random((100 + k, 6)) + k
        np.savetxt(Path("kinematics") / f"{video_id}.txt", table)
        part = "test" if k in (3, 8) else "train"
        rows.append({"video_id": video_id, "path": "", "score": 50.0 + k, "split_1": part})
    write_manifest(Path("manifest.csv"), rows)
    return tmp_path


def explained(run_aqa: Callable[..., Result], head: str, *params: str) -> tuple[str, list[dict]]:
    run_aqa("fit", "--head", head, "-p", "epochs=2", "-p", "device=cpu", *params)
    found = json.loads(run_aqa("feedback", "v03", "--head", head, "--json").output)
    return run_aqa("feedback", "v03", "--head", head).output, found["clips"]


def times(clips: list[dict]) -> list[tuple[int, int, float | None, float | None]]:
    return [(c["start"], c["stop"], c["start_seconds"], c["stop_seconds"]) for c in clips]


def test_clips_of_known_length(place: Path, run_aqa: Callable[..., Result]) -> None:
    timing = ("--fps", "25", "--clip-length", "16", "--stride", "8")
    assert "not known" not in run_aqa("store", "import", "clips", *timing).output
    text, clips = explained(run_aqa, "average")
    assert times(clips) == [
        (8 * k, 8 * k + 16, pytest.approx(8 * k / 25), pytest.approx((8 * k + 16) / 25))
        for k in range(5)
    ]
    assert "0.32 to 0.96" in text
    text, clips = explained(run_aqa, "lstm", "-p", "label=incremental")
    assert times(clips)[-1] == (32, 48, pytest.approx(1.28), pytest.approx(1.92))


def test_windows_of_kinematics(place: Path, run_aqa: Callable[..., Result]) -> None:
    timing = ("--fps", "30", "--window", "30", "--stride", "15")
    run_aqa("store", "import", "kinematics", *timing)
    text, clips = explained(run_aqa, "wd")
    starts = [0, 15, 30, 45, 60, 73]  # of 103 frames; the last one ends at the last frame
    assert times(clips) == [
        (at, at + 30, pytest.approx(at / 30), pytest.approx(at / 30 + 1)) for at in starts
    ]
    assert "2.43 to 3.43" in text


def test_what_is_not_told_is_not_known(place: Path, run_aqa: Callable[..., Result]) -> None:
    said = run_aqa("store", "import", "clips").output
    assert "seconds are not known: --clip-length and --fps tell them" in said
    _, clips = explained(run_aqa, "average")
    assert all(clip["start_seconds"] is None for clip in clips)

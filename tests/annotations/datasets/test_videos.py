"""A folder of videos without labels becomes a table, and their features a store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import Manifest


@pytest.fixture
def folder(
    tmp_path: Path, numbered_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Two videos, one of them in a folder, images of a third, and files that are no videos."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "films"
    (place / "pool/b_frames").mkdir(parents=True)
    numbered_video(20).rename(place / "c.avi")
    numbered_video(20).rename(place / "pool/a.AVI")
    for i in range(18):
        cv2.imwrite(str(place / f"pool/b_frames/{i:03d}.png"), np.zeros((24, 32, 3), np.uint8))
    (place / "notes.txt").write_text("a")
    (place / ".hidden.avi").write_text("a")
    return place


def test_it_is_extracted_and_cannot_be_fitted(
    folder: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    said = run_aqa("import", "videos", "films").output
    assert "3 videos of videos" in said
    assert "nan" not in said
    assert Manifest.read(tmp_path / "manifest.csv").ids == ("a", "b_frames", "c")
    run_aqa("extract", "--backbone", "tiny3d", "--weights", "random", "--quiet")
    assert "nan" not in run_aqa("split", "random", "--test", "1").output
    said = run_aqa("fit", "--head", "svr", code=2).output
    assert "unknown target 'score'" in said


def test_two_of_one_name(folder: Path, run_aqa: Callable[..., Result]) -> None:
    (folder / "pool/c.mp4").write_bytes(b"")
    assert "ids name both, such as c" in run_aqa("import", "videos", "films").output
    known = Manifest.read(Path("manifest.csv")).ids
    assert known == ("c", "pool-a", "pool-b_frames", "pool-c")
    (folder / "pool/c.mov").write_bytes(b"")
    said = run_aqa("import", "videos", "films", "--force", code=1).output
    assert "has the same id, pool-c; rename one of them" in said


@pytest.mark.parametrize(
    ("source", "message"),
    [("films/pool/a.AVI", "no folder of videos"), ("nothing", "no folder"), ("empty", "no videos")],
)
def test_no_folder_of_videos(
    folder: Path, tmp_path: Path, run_aqa: Callable[..., Result], source: str, message: str
) -> None:
    (tmp_path / "empty").mkdir()
    said = run_aqa("import", "videos", source, code=1).output
    assert message in said
    assert not (tmp_path / "manifest.csv").exists()

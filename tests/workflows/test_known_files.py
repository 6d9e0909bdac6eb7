"""A file named by its path is found in the manifest, and what that says of it is used."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaWarning
from aqa.workflows.known_files import KnownFiles

TOLD = {"type": None, "difficulty": None, "action": None}


def manifest(folder: Path) -> Manifest:
    cut = folder / "broadcast.mp4"
    made = [
        Video("a", folder / "a.mp4", 50.0, 10, 90, difficulty=2.8, type="107B"),
        Video("b", cut, 60.0, 0, 100),
        Video("c", cut, 70.0, 100, 200),
        Video("d", None, 80.0, poses=folder / "d.npz"),
    ]
    return Manifest(made, folder / "manifest.csv")


def test_a_file_is_what_the_manifest_says_but_for_id_and_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = KnownFiles(manifest(tmp_path)).as_new(Path("a.mp4"), TOLD)
    assert (found.id, found.path, found.type, found.difficulty) == (
        *("a.mp4", Path("a.mp4"), "107B", 2.8),
    )
    assert (found.start_frame, found.end_frame) == (10, 90)
    assert math.isnan(found.score)


def test_what_the_user_says_goes_before(tmp_path: Path) -> None:
    told = {**TOLD, "type": "205B"}
    found = KnownFiles(manifest(tmp_path)).as_new(tmp_path / "a.mp4", told)
    assert (found.type, found.difficulty) == ("205B", 2.8)


def test_a_file_that_several_are_cut_from_and_one_that_is_new_tell_nothing(tmp_path: Path) -> None:
    files = KnownFiles(manifest(tmp_path))
    for name in ("broadcast.mp4", "new.mp4"):
        assert files.video(tmp_path / name) is None
        assert files.as_new(tmp_path / name, TOLD).type is None
    joints = files.video(tmp_path / "d.npz")
    assert joints is not None
    assert joints.id == "d"


def test_a_manifest_that_is_absent_says_nothing_and_a_broken_one_is_told(tmp_path: Path) -> None:
    assert KnownFiles.beside(tmp_path / "none.csv").video("a.mp4") is None
    broken = tmp_path / "manifest.csv"
    broken.write_text("video_id,path,score\na,,high\n")
    with pytest.warns(AqaWarning, match=r"is not used: .*manifest\.csv: "):
        assert KnownFiles.beside(broken).video("a.mp4") is None

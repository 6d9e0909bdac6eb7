"""`--sampling`: which frames a clip shows, from the store to the score of a new video."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import aqa
from aqa.features.store import FeatureStore


@pytest.fixture
def workspace(drawn_dives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(drawn_dives, tmp_path / "dives")
    monkeypatch.chdir(tmp_path / "dives")
    return tmp_path / "dives"


def test_every_second_frame_from_extraction_to_score(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    told = run_aqa("extract", "--backbone", "tiny3d", "--sampling", "16x2", "--store", "two.h5")
    assert "clips of 16 frames spread over 32" in told.stderr
    with FeatureStore.open(Path("two.h5")) as store:
        assert (store.spec["clip_length"], store.spec["window"], store.spec["stride"]) == (
            *(16, 32),
            32,
        )
        clips = [tuple(clip) for clip in store.clips(next(iter(store)))]
        assert all(stop - start == 32 for start, stop in clips)
    assert "16 frames per clip, spread over 32" in run_aqa("store", "info", "two.h5").stdout
    run_aqa("store", "verify", "two.h5")
    asked = ["extract", "--backbone", "tiny3d", "--store", "two.h5"]
    assert "window is 32, not null" in run_aqa(*asked, code=1).stderr
    assert "0 videos extracted" in run_aqa(*asked, "--sampling", "16of32").stdout

    run_aqa("fit", "--head", "average", "--store", "two.h5")
    video = next(iter(sorted(Path("videos").glob("*"))))
    run_aqa("score", str(video), "--head", "average", "--split", "1")
    rows = aqa.extract_features("tiny3d", store="two.h5", sampling="16x2")
    assert {row["outcome"] for row in rows} == {"stored already"}


def test_what_contradicts_it(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    asked = ["extract", "--backbone", "tiny3d", "--sampling"]
    assert "16x4" in run_aqa(*asked, "16", code=2).stderr
    for other in (["--clip-length", "16"], ["--spread"]):
        assert f"leave out {other[0]}" in run_aqa(*asked, "16x2", *other, code=2).stderr

"""A scorer that stays loaded says what the commands say, and does not build networks again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import aqa
from aqa.cli import main
from aqa.errors import AqaError
from aqa.workflows import new_videos


@pytest.fixture(scope="module")
def fitted(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn dives with features and a fitted svr."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("scorer") / "dives"
    shutil.copytree(drawn_dives, folder)
    for command in ("extract --backbone tiny3d", "fit --head svr -p C=1 -p gamma=0.1 --split 1"):
        result = CliRunner().invoke(main, ["-C", str(folder), *command.split()])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def scorer(fitted: Path) -> aqa.Scorer:
    return aqa.Scorer.open(fitted, "svr")


def test_it_says_what_the_command_says(scorer: aqa.Scorer, fitted: Path, run_aqa) -> None:
    from aqa.report.score_table import score_json

    path = fitted / "videos" / "dive_0003.mp4"
    said = json.loads(run_aqa("-C", str(fitted), "score", str(path), "--json").stdout)
    assert [score_json(scorer.score(path), "svr")] == said["scores"]


def test_features_give_the_score_of_their_video(scorer: aqa.Scorer, fitted: Path) -> None:
    with aqa.FeatureStore.open(fitted / "stores/tiny3d.h5") as store:
        features = store["dive_0003"]
    score = scorer.score(fitted / "videos/dive_0003.mp4").score
    assert scorer.score_features(features).score == pytest.approx(score, abs=1e-4)
    assert scorer.score_features(features.tolist()).score == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([[1.0, 2.0]], r"features of 1 x 2; the head was fitted on clips x 128"),
        (np.zeros((0, 128)), "features of 0 x 128"),
        (np.full((2, 128), np.nan), "not finite"),
        ([["a"]], "no array of numbers"),
        ([[1.0], [1.0, 2.0]], "no array of numbers"),
        (np.zeros((2, 128), complex), "no array of numbers"),
        (np.full((2, 128), 10**400, dtype=object), "no array of numbers"),
    ],
)
def test_other_features_are_refused(scorer: aqa.Scorer, features, expected: str) -> None:
    with pytest.raises(AqaError, match=expected):
        scorer.score_features(features)


def test_runs_of_two_seeds_are_not_taken_for_two_splits(scorer: aqa.Scorer) -> None:
    (run,) = scorer.runs
    seeds = [replace(run, folder=Path(f"runs/svr~seed{seed}/split-1")) for seed in (0, 1)]
    with pytest.raises(AqaError, match=r"^svr~seed0, svr~seed1: runs of several heads or seeds"):
        aqa.Scorer(seeds)


def test_networks_are_built_once(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    rebuild = new_videos.rebuild_backbone
    monkeypatch.setattr(
        new_videos, "rebuild_backbone", lambda *given: built.append(given) or rebuild(*given)
    )
    scorer = aqa.Scorer.open(fitted, "svr")
    for _ in range(3):
        scorer.score(fitted / "videos/dive_0003.mp4")
    scorer.report([fitted / "videos/dive_0003.mp4"])
    assert len(built) == 1


def test_a_small_network_waits_for_no_other_thread(
    scorer: aqa.Scorer, fitted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that wait for each other take several times the work of a small network."""
    import torch

    threads: list[int] = []
    usual = new_videos.encode_video

    def noted(*arguments, **options):
        threads.append(torch.get_num_threads())
        return usual(*arguments, **options)

    monkeypatch.setattr(new_videos, "encode_video", noted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        scorer.score(fitted / "videos/dive_0003.mp4")
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    assert (threads, after) == ([1], 2)


def test_another_file_under_the_same_name_is_another_video(
    scorer: aqa.Scorer, fitted: Path, tmp_path: Path
) -> None:
    upload, scores, copies = tmp_path / "upload", [], []
    for name in ("dive_0003", "dive_0006"):
        shutil.copy(fitted / "videos" / f"{name}.mp4", upload)
        (video,) = scorer.report({"dive.mp4": upload}).videos
        assert video.name == "dive.mp4"
        assert video.copy is not None
        scores.append(video.score)
        copies.append(video.copy.data)
    assert scores[0] != scores[1]
    assert copies[0] != copies[1]


def test_a_head_that_explains_nothing_gets_a_page_without_moments(
    scorer: aqa.Scorer, fitted: Path, tmp_path: Path
) -> None:
    from aqa.report.page.videos_page import videos_page

    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    path = fitted / "videos/dive_0003.mp4"
    report = scorer.report({"good": path, "bad": broken})
    (video,) = report.videos
    assert video.score == scorer.score(path).score
    assert video.exemplars
    assert not video.moments
    assert report.failed == {"bad": "not a video that can be decoded (8 bytes)"}
    assert "says nothing of single moments" in videos_page(report, "aqa serve")


def test_a_broken_file_is_refused_by_the_name_that_it_was_given(
    scorer: aqa.Scorer, tmp_path: Path
) -> None:
    broken = tmp_path / "upload"
    broken.write_bytes(b"no video")
    with pytest.raises(AqaError) as caught:
        scorer.score(broken, name="my dive.mp4")
    assert str(caught.value) == "my dive.mp4: not a video that can be decoded (8 bytes)"

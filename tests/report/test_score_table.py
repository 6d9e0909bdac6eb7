"""The table of new videos' scores."""

from __future__ import annotations

from pathlib import Path

from aqa.report.score_table import score_json, scores_table
from aqa.workflows.score import ScoredVideo
from aqa.workflows.trust import Trust


def rows(*videos: ScoredVideo) -> list[list[str]]:
    return [line.split() for line in scores_table(videos).splitlines()]


def test_of_the_score_alone_no_target_is_named() -> None:
    videos = [ScoredVideo(Path("a.mp4"), 51.234, {"1": 50.0, "2": 52.468})]
    assert rows(*videos) == [
        ["video", "score", "lowest", "highest"],
        ["a.mp4", "51.23", "50.00", "52.47"],
    ]


def test_of_several_targets_each_has_a_row() -> None:
    videos = [
        ScoredVideo(Path("a.mp4"), 30.5, {"1": 30.5}, target="tes"),
        ScoredVideo(Path("a.mp4"), 25.0, {"1": 25.0}, target="pcs"),
    ]
    assert rows(*videos) == [
        ["video", "target", "score"],
        ["a.mp4", "tes", "30.50"],
        ["a.mp4", "pcs", "25.00"],
    ]


def test_a_head_that_predicts_a_distribution_has_two_ranges_told_apart() -> None:
    video = ScoredVideo(
        Path("a.mp4"), 50.0, {"1": 50.0}, trust=Trust(half_width=8.0), own_range=(47.2, 52.9)
    )
    text = scores_table([video])
    lines = text.splitlines()
    assert lines[0].split("  ") == ["video", "score", "80 % between", "head's own 80 %"]
    assert lines[1].split() == ["a.mp4", "50.00", "42", "and", "58", "47", "and", "53"]
    assert "errors on held-out training videos" in " ".join(text.split())
    kept = score_json(video, "usdl")
    assert (kept["range_80"], kept["own_range_80"]) == ([42.0, 58.0], [47.2, 52.9])


def test_a_head_without_a_distribution_has_one() -> None:
    video = ScoredVideo(Path("a.mp4"), 50.0, {"1": 50.0}, trust=Trust(half_width=8.0))
    assert "own" not in scores_table([video])
    assert "own_range_80" not in score_json(video, "svr")

"""The table of new videos' scores."""

from __future__ import annotations

from dataclasses import replace
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


def test_a_known_range_is_a_column() -> None:
    video = ScoredVideo(Path("a.mp4"), 50.0, {"1": 50.0}, trust=Trust((42.2, 52.9)))
    lines = scores_table([video, replace(video, trust=Trust())]).splitlines()
    assert lines[0].split("  ") == ["video", "score", "80 % between"]
    assert lines[1].split() == ["a.mp4", "50.00", "42", "and", "53"]
    assert lines[2].endswith("not known")
    assert score_json(video, "usdl")["range_80"] == [42.2, 52.9]
    assert score_json(replace(video, trust=Trust()), "usdl")["range_80"] is None

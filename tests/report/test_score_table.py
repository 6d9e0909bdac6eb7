"""The table of new videos' scores."""

from __future__ import annotations

from pathlib import Path

from aqa.report.score_table import scores_table
from aqa.workflows.score import ScoredVideo


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

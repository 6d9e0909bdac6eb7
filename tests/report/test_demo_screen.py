from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from aqa.evaluation.result import Evaluation, MeanResult
from aqa.models.feedback import ClipFeedback, Feedback
from aqa.report.demo_screen import demo_screen
from aqa.workflows.demo.commentary import commentary
from aqa.workflows.demo.run import DemoOutcome, NewDive
from aqa.workflows.demo.sampling import sample_dive
from aqa.workflows.video_reports import VideosReport
from aqa.workspace import Workspace


def new_dive(values: list[float], fps: float | None = 30.0) -> NewDive:
    """A dive with an over rotation, whose clips of 16 frames add these values."""
    dive = sample_dive(0, 0, type="205B", faults={"over_rotation": 1.0})
    clips = []
    for i, value in enumerate(values):
        start, stop = 16 * i, 16 * i + 16
        seconds = (None, None) if fps is None else (start / fps, stop / fps)
        bad = value < 0
        said = "faulty" if bad else ""
        clips.append(
            ClipFeedback(
                *(i, start, stop, *seconds, value, 0.0, 0.0, bad, False, 0.0, 0.0, bad, said, {})
            )
        )
    meaning = "points added to a base of 60"
    told = ("faulty", "below 0", "", "faulty", "", "faulty")
    feedback = Feedback("new_dive.mp4", meaning, *told, None, clips)
    path = Path("a-rather-long-name-of-a-folder/aqa-demo/new_dive.mp4")
    return NewDive(
        path, dive, {"svr": 49.52, "wd": 51.0}, {"svr": 5.04, "wd": None}, feedback, "wd"
    )


def screen(new: NewDive) -> str:
    values = {"spearman": 0.9, "mse": 30.0, "med": 5.0}
    deviations = {"spearman": 0.1, "mse": 3.0, "med": 0.5}
    means = [MeanResult("scores", head, "1", 5, values, deviations) for head in new.predicted]
    folder = new.path.parent
    report = VideosReport("wd", (), {}, (), ())
    outcome = DemoOutcome(
        *(Workspace(folder), Evaluation([], (), means), new, report, folder / "diving.aqa", 61.7)
    )
    return demo_screen(outcome, folder / "report.html")


def row(text: str, name: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(name)]
    return line.removeprefix(name).split()


def test_a_beginner_reads_truth_prediction_error_and_what_cost_points() -> None:
    new = new_dive([1.0, 0.5, -0.5, -1.0, -8.25, 0.2])
    text = screen(new)
    assert row(text, "true score") == [f"{new.dive.score:.1f}"]
    assert row(text, "predicted by svr") == ["49.5", "5.0"]
    assert row(text, "predicted by wd") == ["51.0"]
    joined = " ".join(text.split())
    assert "By wd, seconds 2.1 to 2.7 cost most: 8.2 points." in joined
    assert "with over rotation" in joined
    assert text.count("aqa -C") == 1  # one next step
    assert f"  {new.path.parent}/report.html\n" in text
    assert text.endswith("score new_dive.mp4 --model diving.aqa")


def test_the_drawn_stages_and_faults_are_those_of_the_costliest_clip() -> None:
    new = new_dive([-3.0, 0.0, 0.0])
    assert new.dive.faults[0].start >= 16 <= new.dive.stages.flight
    assert "with no fault" in " ".join(screen(new).split())


def test_a_dive_that_lost_nothing_and_one_without_a_frame_rate() -> None:
    assert "no part of the dive cost points" in screen(new_dive([1.0, 0.0]))
    assert "frames 16 to 32 cost most" in " ".join(screen(new_dive([1.0, -2.0], None)).split())


def test_what_is_written_stands_below_the_truth() -> None:
    assert "In words" not in screen(new_dive([1.0]))
    new = dataclasses.replace(new_dive([1.0]), written="now we see a dive")
    text = screen(new)
    joined = " ".join(text.split())
    assert f"truth {commentary(new.dive)} mtl now we see a dive" in joined
    assert max(len(line) for line in text.splitlines() if "aqa -C" not in line) <= 80
    assert "mtl nothing" in " ".join(screen(dataclasses.replace(new, written="")).split())


@pytest.mark.parametrize("columns", [60, 80])
def test_it_is_no_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    """A command is not broken: it could not be copied."""
    monkeypatch.setenv("COLUMNS", str(columns))
    new = dataclasses.replace(new_dive([-8.0]), path=Path("aqa-demo/new_dive.mp4"))
    lines = [line for line in screen(new).splitlines() if "aqa -C" not in line]
    assert max(map(len, lines)) <= columns
    assert max(len(line) for line in screen(new).splitlines()) <= 80

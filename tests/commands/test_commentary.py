"""What the head `mtl` writes, as commands print and keep it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

import aqa
from aqa.annotations.manifest import write_manifest
from aqa.annotations.row_parser import RowParser
from aqa.errors import AqaWarning
from aqa.models.runs import load_run

FIT = ("fit", "--head", "mtl", *("-p", "epochs=2"), *("-p", "device=cpu"), "-p", "classify=false")
WRITE = ("-p", "caption_least=1", "-p", "caption_hidden=8", "-p", "caption_words=6")


@pytest.fixture
def workspace(
    tmp_path: Path,
    numbered_video: Callable[..., Path],
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Eight videos with commentary, one of which has none, and `mtl` fitted on two splits."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "video_id": f"v{i}",
            "path": numbered_video(32 + i, f"v{i}.avi").name,
            "score": 10 * i,
            "commentary": "" if i == 5 else f"A dive, \x1b[31m number {i}!",
            "split_1": "test" if i < 2 else "train",
            "split_2": "test" if i in (2, 3) else "train",
        }
        for i in range(8)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    run_aqa("extract", "--backbone", "tiny3d", "--quiet")
    run_aqa(*FIT, *WRITE)
    return tmp_path


def test_new_videos_are_written_of(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    said = json.loads(run_aqa("score", "v0.avi", "--json").stdout)["scores"][0]["commentary"]
    assert said.keys() == {"1", "2"}
    words = load_run(workspace / "runs" / "mtl" / "split-1").head.vocabulary.words
    assert {"a", "dive", "number", "7"} <= {*words} <= {"a", "dive", "number", "31m", *"01234567"}
    assert all(len(text.split()) <= 6 for text in said.values())
    shown = " ".join(run_aqa("score", "v0.avi").stdout.split())
    assert f"v0.avi, in words (split 1): {said['1'] or 'nothing'}" in shown
    with pytest.warns(AqaWarning, match="1 of 2 runs have learned from this very video"):
        scored = aqa.score("v0.avi", head="mtl")
    assert scored[0]["commentary-2"] == said["2"]


def test_feedback_is_what_is_written(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    said = json.loads(run_aqa("feedback", "v0", "--head", "mtl", "--json").stdout)
    assert (
        said["commentary"]
        == json.loads(run_aqa("score", "v0.avi", "--split", "1", "--json").stdout)["scores"][0][
            "commentary"
        ]["1"]
    )
    shown = run_aqa("feedback", "v0", "--head", "mtl").stdout
    written = " ".join(shown.partition("\n\nmodel: ")[0].split())
    assert written.endswith(said["commentary"] or "nothing")
    assert aqa.explain("v0", head="mtl")[0]["commentary"] == said["commentary"]
    refused = run_aqa("feedback", "v0", "--head", "mtl", "--picture", "x.png", code=1)
    assert "it says nothing of single clips; leave out --picture" in refused.stderr


def test_it_is_evaluated_and_kept(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    shown = run_aqa("eval", "--no-baseline").stdout
    assert "written commentary against what was said: mean of 2 splits" in shown
    assert "BLEU-4" in shown
    assert "CIDEr" in shown
    found = json.loads((workspace / "runs" / "eval.json").read_text())
    (one, *_) = [r for r in found["results"] if r["kind"] == "commentary"]
    assert (one["split"], one["n"]) == ("1", 2)
    assert {"bleu_1", "bleu_1_interval", "bleu_4", "cider", "cider_interval"} <= one.keys()
    with (workspace / "runs" / "eval-commentary.csv").open() as file:
        assert [row["split"] for row in csv.DictReader(file)] == ["1", "2"]
    with (workspace / "runs" / "mtl" / "split-1" / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["part"] for row in rows} == {"train", "test"}
    assert all("predicted_commentary" in row for row in rows)


def test_who_does_not_want_it_is_told_nothing(
    workspace: Path, run_aqa: Callable[..., Result]
) -> None:
    run_aqa(*FIT, "-p", "captions=false")
    assert "in words" not in run_aqa("score", "v0.avi").stdout
    assert "commentary" not in run_aqa("score", "v0.avi", "--json").stdout
    assert "BLEU" not in run_aqa("eval", "--no-baseline").stdout
    run_aqa("feedback", "v0", "--head", "mtl", code=1)


def test_an_edited_commentary_is_noticed(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    path = workspace / "manifest.csv"
    path.write_text(path.read_text().replace("number 7", "number 8"))
    assert "column commentary" in run_aqa("eval", code=1).stderr


def test_a_text_is_taken_as_it_is(tmp_path: Path) -> None:
    problems: list[str] = []
    row = {"video_id": "a", "path": "", "score": "1", "commentary": "x " * 100_000}
    assert RowParser(2, row, problems).video(tmp_path).commentary == row["commentary"]
    assert problems == []


def test_two_that_write_are_compared(workspace: Path, run_aqa: Callable[..., Result]) -> None:
    run_aqa(*FIT, *WRITE, "-p", "beam=1", "--name", "greedy")
    run_aqa("eval", "--no-baseline")
    shown = " ".join(run_aqa("compare", "--metric", "mse").stdout.split())
    title = "written commentary against what was said: mean of 2 splits, 4 test videos"
    assert title in shown
    assert "a less b [95 %] a b BLEU-1" in shown
    record = json.loads((workspace / "runs" / "compare-mse.json").read_text())["commentary"]
    assert record["heads"].keys() == {"mtl", "greedy"}
    (pair,) = record["pairs"]
    assert {"bleu_1", "bleu_1_interval", "cider"} <= pair.keys()
    with (workspace / "runs" / "compare-commentary.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["bleu_1"]) == pytest.approx(pair["bleu_1"])
    assert "bleu_1_interval_low" in row

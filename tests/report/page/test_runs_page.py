"""The researcher's page: its facts, its warnings, and that it needs nothing else."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.evaluation.kept_results import read_results, runs_in
from aqa.evaluation.predictions import read_predictions
from aqa.files import write_json
from aqa.metrics import spearman
from aqa.report.page.run_facts import run_facts
from aqa.report.page.run_warnings import result_warnings

Aqa = Callable[..., Result]
# In the manifest of `evaluated_runs`.
HOSTILE = "<script>alert('x')</script>&\""


@pytest.fixture(scope="module")
def text(runs_page: Path) -> str:
    return runs_page.read_text(encoding="utf-8")


@pytest.fixture
def copied(evaluated_runs: Path, tmp_path: Path) -> Path:
    """A workspace that a test may change."""
    return Path(shutil.copytree(evaluated_runs, tmp_path / "copied"))


def said(text: str) -> str:
    """The words of a page, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_it_needs_no_network_and_runs_no_script(text: str) -> None:
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,40})", text)
    assert addresses
    assert all(one.startswith("data:image/svg+xml;base64,") for one in addresses)
    bare = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text).replace("http-equiv", "")
    assert "http" not in bare
    assert "<script" not in bare
    assert "default-src 'none'" in text


def test_hostile_names_are_escaped(text: str) -> None:
    assert HOSTILE not in text
    assert HOSTILE in html.unescape(text)


def test_it_says_what_eval_measured(text: str, evaluated_runs: Path) -> None:
    folders = [evaluated_runs / "runs" / "svr" / f"split-{split}" for split in "12"]
    found = [one for folder in folders if (one := read_predictions(folder)) is not None]
    mean = sum(float(spearman(one.score, one.predicted)) for one in found) / 2
    words = said(text)
    assert f"svr {mean:.3f} \N{PLUS-MINUS SIGN}" in words
    assert "Without pixels type" in words
    assert "2 splits (1, 2) of manifest.csv, 48 videos" in words
    assert "Each split tests 16 videos, together 24, 8 of them by several splits" in words
    assert "only 24 test videos, so every number is uncertain" in words


def test_every_picture_is_told_in_words(text: str) -> None:
    alts = [html.unescape(alt) for alt in re.findall(r"<img [^>]*alt=\"([^\"]*)\"", text)]
    assert len(alts) == text.count("<img ") == 2 + 1 + 2 * 4
    assert any("Scatter plot of svr: 32 predictions for 24 test videos" in alt for alt in alts)
    assert all(alt.endswith(".") for alt in alts)


def test_the_command_fits_the_same_again(text: str, copied: Path, run_aqa: Aqa) -> None:
    (head,) = read_results(runs_in([copied / "runs" / "lstm"]))
    (command,) = run_facts(head).commands
    assert command == (
        "aqa fit --head lstm -p epochs=3 -p device=cpu -p hidden=4 --split 1 --split 2"
    )
    assert command in said(text)
    run = copied / "runs" / "lstm" / "split-1" / "run.json"
    before = json.loads(run.read_text())
    run_aqa("-C", str(copied), *command.split()[1:])
    after = json.loads(run.read_text())
    assert after["params"] == before["params"]
    assert after["hashes"]["model"] == before["hashes"]["model"]


def test_what_makes_numbers_doubtful_stands_above_them(copied: Path) -> None:
    runs = copied / "runs" / "svr"
    metrics = json.loads((runs / "split-1" / "metrics.json").read_text())
    metrics["test"] |= {"made_up": "random numbers", "leak": ["the head has learned from 3"]}
    write_json(runs / "split-1" / "metrics.json", metrics)
    record = json.loads((runs / "split-2" / "run.json").read_text())
    epoch = {"number": 3, "is": "best-on-test", "of": 9}
    write_json(runs / "split-2" / "run.json", record | {"epoch": epoch})
    (runs / "split-2" / "metrics.json").unlink()
    lines = result_warnings(read_results(runs_in([runs])), [])
    assert lines[:2] == [
        "MADE UP: the features of svr are random numbers, of no video",
        "LEAK: svr, split 1: the head has learned from 3",
    ]
    assert "SELECTED ON TEST: svr, split 2" in lines[2]
    assert "svr was not evaluated on split 2; run `aqa eval --head svr --split 2` first" in lines
    assert "svr: only 16 test videos, so every number is uncertain" in lines


def test_eval_writes_the_same_page(copied: Path, run_aqa: Aqa) -> None:
    said_ = run_aqa("-C", str(copied), "eval", "--head", "svr", "--report", "page.html")
    assert "written to page.html" in said_.output
    page = said((copied / "page.html").read_text(encoding="utf-8"))
    assert "Results: svr Take care." in page
    assert "aqa" in page
    refused = run_aqa("-C", str(copied), "eval", "--report", "page.pdf", code=2)
    assert "name it with .html at its end" in refused.output
    both = run_aqa("-C", str(copied), "eval", "--report", "a.html", "--feedback", code=2)
    assert "leave one out" in both.output


def test_runs_that_were_never_evaluated_have_a_page_that_says_so(
    copied: Path, run_aqa: Aqa
) -> None:
    for metrics in (copied / "runs").glob("*/split-*/metrics.json"):
        metrics.unlink()
    run_aqa("-C", str(copied), "report", "runs/lstm", "-o", "page.html")
    page = said((copied / "page.html").read_text(encoding="utf-8"))
    assert "run `aqa eval --head lstm --split 1 --split 2` first" in page
    assert "No test video was evaluated yet" in page
    assert "What training wrote down" in page


def test_runs_and_videos_are_not_mixed(evaluated_runs: Path, run_aqa: Aqa) -> None:
    place = ("-C", str(evaluated_runs), "report")
    mixed = run_aqa(*place, "runs/svr", "v00", code=2)
    assert "Error: runs/svr holds runs, v00 does not" in mixed.output
    option = run_aqa(*place, "runs/svr", "--type", "101B", code=2)
    assert "--type is for pages on videos; leave it out" in option.output
    folder = run_aqa(*place, "runs/svr", "-o", "pages", code=2)
    assert "name it with .html at its end" in folder.output


def test_plot_draws_runs_as_typed(evaluated_runs: Path, tmp_path: Path, run_aqa: Aqa) -> None:
    place = ("-C", str(evaluated_runs), "plot")
    out = tmp_path / "one.svg"
    both = ("runs/svr/split-1", "runs/svr/split-2")
    assert f"written to {out}" in run_aqa(*place, "predicted", *both, "-o", str(out)).output
    assert "svr: 32 predictions, 24 videos, 2 splits" in out.read_text(encoding="utf-8")
    wrong = run_aqa(*place, "nice", *both, "-o", str(out), code=2)
    assert "known: predicted, residuals, types, learning, forest, coverage" in wrong.output
    ending = run_aqa(*place, "predicted", *both, "-o", "one.jpg", code=2)
    assert ".png, .svg or .pdf" in ending.output
    empty = run_aqa(*place, "predicted", "stores", "-o", str(out), code=1)
    assert "stores: holds no run" in empty.output
    for kind in ("predicted", "coverage"):
        assert kind in run_aqa("plot", "--help").output

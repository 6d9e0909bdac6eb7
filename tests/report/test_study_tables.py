"""Tables for papers: numbers as `aqa eval` kept them, bold where a test shows it, all escaped."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.errors import AqaWarning, EndingError, RunError
from aqa.evaluation.head_results import HeadResults
from aqa.evaluation.predictions import Predictions
from aqa.evaluation.result import Marks
from aqa.evaluation.study_table import StudyTable, study_tables
from aqa.metrics import med, spearman
from aqa.report.study_tables import (
    caption_of,
    check_table,
    csv_text,
    markdown_text,
    table_text,
    tex_text,
)

NASTY = r"=a\input{x}%&$#_^~<b>|*"


def head(name: str, noise: float, rng: np.random.Generator, true: dict[str, np.ndarray]):
    """A head that was evaluated on the splits of `true`."""
    folders = {split: Path("runs") / name / f"split-{split}" for split in true}
    predictions = {
        split: Predictions(
            folders[split],
            tuple(f"v{split}{k:02d}" for k in range(len(scores))),
            scores,
            scores + rng.normal(scale=noise, size=len(scores)),
            60,
            Marks(),
        )
        for split, scores in true.items()
    }
    measured = {
        split: {
            "spearman": float(spearman(one.score, one.predicted)),
            "med": float(med(one.score, one.predicted)),
        }
        for split, one in predictions.items()
    }
    return HeadResults(name, folders, predictions, measured, {}, {})


@pytest.fixture
def true(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {split: rng.normal(size=25) for split in "12"}


def tables_of(*heads: HeadResults, **more) -> StudyTable:
    (table,) = study_tables(heads, ("spearman", "med"), **more)
    return table


def test_best_is_marked_only_where_the_test_tells_it_from_every_other(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    good, bad, worst = (head(n, s, rng, true) for n, s in (("a", 0.1), ("b", 3.0), ("c", 6.0)))
    marked = {
        row.head: [cell.best for cell in row.cells] for row in tables_of(good, bad, worst).rows
    }
    assert marked == {"a": [True, True], "b": [False, False], "c": [False, False]}
    twin = head("twin", 0.1, rng, true)
    assert not any(c.best for row in tables_of(good, twin, bad).rows for c in row.cells)
    assert not any(c.best for row in tables_of(good).rows for c in row.cells)


def test_values_are_means_and_spreads_of_what_is_asked_for(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    heads = [head(f"a~seed{k}", 0.5, rng, true) for k in range(3)]
    values = np.array([[one.measured[s]["spearman"] for s in "12"] for one in heads])
    expected = {
        "splits": values.mean(axis=0).std(ddof=1),
        "seeds": values.mean(axis=1).std(ddof=1),
        "all": values.std(ddof=1),
    }
    for spread, deviation in expected.items():
        table = tables_of(*heads, spread=spread)
        (row,) = table.rows
        assert (row.head, table.seeds, table.splits) == ("a", (0, 1, 2), ["1", "2"])
        assert row.cells[0].value == pytest.approx(values.mean())
        assert row.cells[0].spread == pytest.approx(deviation)
    (row,) = tables_of(*heads, spread="interval").rows
    low, high = row.cells[0].spread
    assert low < row.cells[0].value < high
    assert tables_of(*heads, spread="none").rows[0].cells[0].spread is None


def test_a_head_without_seeds_has_no_spread_over_them(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    plain = head("svr", 0.5, rng, true)
    heads = [plain, *(head(f"a~seed{k}", 0.5, rng, true) for k in range(3))]
    rows = {row.head: row.cells[0] for row in tables_of(*heads, spread="seeds").rows}
    assert rows["svr"].spread is None
    assert rows["a"].spread is not None
    rows = {row.head: row.cells[0] for row in tables_of(*heads, spread="all").rows}
    values = [plain.measured[split]["spearman"] for split in "12"]
    assert rows["svr"].spread == pytest.approx(np.std(values, ddof=1))


def test_a_leak_on_any_split_is_told(rng: np.random.Generator, true: dict[str, np.ndarray]) -> None:
    one = head("a", 0.5, rng, true)
    one.predictions["2"] = replace(one.predictions["2"], marks=Marks(leak=("v1",)))
    assert "LEAK a: 1 of 2 splits" in caption_of(tables_of(one))


def test_heads_of_one_name_in_two_folders_stand_apart(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    """As `read_results` calls them: by their paths."""
    heads = []
    for place in ("x/runs/svr", "y/runs/svr"):
        one = head("svr", 0.5, rng, true)
        answers = {
            s: replace(p, folder=Path(place) / p.folder.name) for s, p in one.predictions.items()
        }
        heads.append(replace(one, name=place, predictions=answers))
    table = tables_of(*heads)
    for row, one in zip(table.rows, heads, strict=True):
        assert row.head == one.name
        values = [one.measured[split]["spearman"] for split in "12"]
        assert row.cells[0].value == pytest.approx(np.mean(values))


def test_correlations_of_few_videos_are_left_out(rng: np.random.Generator) -> None:
    few = {split: rng.normal(size=4) for split in "12"}
    table = tables_of(head("a", 0.1, rng, few), head("b", 3.0, rng, few))
    assert [row.cells[0].value for row in table.rows] == [None, None]
    assert all(row.cells[1].value is not None for row in table.rows)
    assert table.tested == ["med"]
    assert "No Spearman where a split tests fewer than 6 videos" in caption_of(table)


def test_the_caption_says_protocol_and_n(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    caption = caption_of(tables_of(*(head(n, 0.1, rng, true) for n in "ab")))
    assert caption.startswith(
        "Mean over 2 splits; n = 50 test videos, 60 training videos per split"
    )
    assert "standard deviation over splits" in caption
    assert "Holm; of Spearman, MED" in caption
    one = {"1": true["1"]}
    assert "On split 1; n = 25" in caption_of(tables_of(head("a", 0.1, rng, one)))


def test_a_head_that_was_not_evaluated_is_told_or_refused(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    heads = [head("svr", 0.3, rng, true), head("lstm", 0.5, rng, true)]
    heads += [
        replace(head(f"mine~seed{k}", 1.0, rng, true), predictions={}, measured={}) for k in (0, 1)
    ]
    line = "mine~seed0, mine~seed1: not evaluated yet; run `aqa eval --head mine` first"
    with pytest.warns(AqaWarning, match=f"left out: {line}"):
        assert [row.head for row in tables_of(*heads).rows] == ["svr", "lstm"]
    with pytest.raises(RunError, match=line):
        tables_of(*heads, strict=True)


def test_the_caption_says_what_a_baseline_saw(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    blind = head("baseline-all", 1.0, rng, true)
    seen = {"1": ("type",), "2": ("type", "clips")}
    told = {
        split: replace(one, marks=Marks(baseline=seen[split]))
        for split, one in blind.predictions.items()
    }
    table = tables_of(head("svr", 0.3, rng, true), replace(blind, predictions=told))
    assert "all: ridge regression on type, clips, without pixels" in caption_of(table)


def test_nobodys_name_is_a_command_a_formula_or_markup(
    rng: np.random.Generator, true: dict[str, np.ndarray]
) -> None:
    table = tables_of(head(NASTY, 0.1, rng, true), head("b", 3.0, rng, true))
    rows = list(csv.DictReader(io.StringIO(table_text(Path("t.csv"), [table]))))
    assert rows[0]["head"] == f"'{NASTY}"
    assert float(rows[0]["value"]) == table.rows[0].cells[0].value
    assert "<b>" not in table_text(Path("t.html"), [table])
    assert "<b>" not in table_text(Path("t.md"), [table]).replace(r"\<b\>", "")
    assert r"\input" not in table_text(Path("t.tex"), [table])
    assert tex_text("50 % of a_b") == r"50 \% of a\_b"
    assert tex_text("\\") == r"\textbackslash{}"
    assert tex_text("[a---b] +-") == r"{[}a-{}-{}-b] $\pm$"
    assert markdown_text("a|b\nc") == r"a\|b c"
    assert [csv_text(t) for t in ("@x", "-1", "svr")] == ["'@x", "'-1", "svr"]


def test_another_ending_is_refused() -> None:
    with pytest.raises(EndingError, match=r"ends in \.tex, \.md, \.csv or \.html"):
        check_table(Path("t.docx"))


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_compiles(
    rng: np.random.Generator, true: dict[str, np.ndarray], tmp_path: Path
) -> None:
    others = [head(name, 3.0, rng, true) for name in ("[9ex] a--b", "* c", "baseline-all")]
    table = tables_of(head(NASTY, 0.1, rng, true), *others)
    assert table.rows[0].cells[0].best
    text = table_text(tmp_path / "t.tex", [table], command="aqa table\n\\undefined")
    (tmp_path / "t.tex").write_text(text, encoding="utf-8")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs}\n"
        "\\begin{document}\n\\input{t}\n\\end{document}\n"
    )
    made = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout[-2000:]
    assert (tmp_path / "paper.pdf").read_bytes().startswith(b"%PDF")


def test_the_command_writes_what_eval_kept(
    evaluated_runs: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    out = tmp_path / "t.csv"
    run_aqa("-C", str(evaluated_runs), "table", "svr", "-o", str(out), "--baselines")
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    kept = json.loads((evaluated_runs / "runs" / "eval.json").read_text())
    means = {one["head"]: one for one in kept["means"] if one["kind"] == "scores"}
    found = {r["head"]: float(r["value"]) for r in rows if r["metric"] == "spearman"}
    assert found["svr"] == pytest.approx(means["svr"]["spearman"])
    assert "baseline-type" in found
    assert "lstm" not in found
    run_aqa("-C", str(evaluated_runs), "table", "-o", str(tmp_path / "t.md"), "--metric", "med")
    text = (tmp_path / "t.md").read_text(encoding="utf-8")
    assert "| svr |" in text
    assert "| lstm |" in text
    assert "no pixels" not in text
    message = run_aqa(
        "-C", str(evaluated_runs), "table", "-o", "t.csv", "--metric", "sparman", code=2
    )
    assert "did you mean 'spearman'" in message.output
    assert "ends in" in run_aqa("-C", str(evaluated_runs), "table", "-o", "t.doc", code=2).output

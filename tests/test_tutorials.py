"""The three tutorials, followed literally, on fewer dives than they say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from aqa.cli import main

# Shown and not run, as one waits for a browser, and the other's extra may not be here; their
# options are read.
WAITS = ("aqa serve", "aqa export")
EXTRAS = ("serve", "export")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `aqa demo` leaves, of a third of its dives."""
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("demo") / "aqa-demo"
    result = CliRunner().invoke(main, ["demo", str(folder), "--videos", "40"], prog_name="aqa")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def place(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the demo's folder may be made."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(root: Path, name: str) -> Iterator[str | tuple[str, str]]:
    """Commands of a tutorial in order; (file name, content) of what is to be saved or run."""
    text = (root / f"docs/tutorial-{name}.md").read_text(encoding="utf-8")
    for before, kind, code in re.findall(r"([^\n]*)\n+```(\w+)\n(.*?)```", text, re.DOTALL):
        if kind == "console":
            yield from code.strip().splitlines()
        elif kind == "python":
            saved = re.search(r"`([\w.]+\.py)`", before)
            yield (saved[1] if saved else ""), code


def follow(root: Path, name: str, drawn: Path, run_aqa: Run) -> list[str]:
    """Do all that a tutorial says; returns the commands that were run."""
    done = []
    for step in steps(root, name):
        if isinstance(step, tuple):
            file, code = step
            if file:
                Path(file).write_text(code, encoding="utf-8")
            else:
                exec(compile(code, f"tutorial-{name}.md", "exec"), {})
            continue
        program, *words = shlex.split(step)
        if program == "pip":
            assert words in [["install", f"aqa-toolkit[{extra}]"] for extra in EXTRAS], step
        elif step == "aqa demo":
            shutil.copytree(drawn, "aqa-demo")
        elif program == "cd":
            os.chdir(words[0])
        elif program == "mkdir":
            Path(words[0]).mkdir()
        elif step.startswith(WAITS):
            command = main.get_command(None, words[0])  # type: ignore[arg-type]
            command.make_context(words[0], words[1:], resilient_parsing=False)
        else:
            assert program == "aqa", step
            run_aqa(*words)
        done.append(step)
    return done


def test_the_coach_gets_a_page(root: Path, drawn: Path, place: Path, run_aqa: Run) -> None:
    follow(root, "coach", drawn, run_aqa)
    page = (place / "club/report.html").read_text(encoding="utf-8")
    assert "<video" in page
    assert "new_dive" in page


def test_the_student_gets_a_comparison(root: Path, drawn: Path, place: Path, run_aqa: Run) -> None:
    done = follow(root, "student", drawn, run_aqa)
    assert any(line.startswith("aqa compare") for line in done)
    work = place / "aqa-demo"
    assert (work / "runs/top_clips/split-1/metrics.json").exists()
    assert (work / "forest.pdf").read_bytes().startswith(b"%PDF")


def test_the_engineer_gets_a_pack_that_scores(
    root: Path, drawn: Path, place: Path, run_aqa: Run
) -> None:
    follow(root, "engineer", drawn, run_aqa)
    work = place / "aqa-demo"
    merged, whole = (work / "stores" / name for name in ("merged.h5", "all.h5"))
    assert merged.exists()
    assert whole.exists()
    assert (work / "diving.aqa").stat().st_size > 10_000


def test_the_notebook_runs_from_a_store_to_plots(root: Path, drawn: Path, place: Path) -> None:
    import json

    import matplotlib

    matplotlib.use("Agg")
    shutil.copytree(drawn, "aqa-demo")
    os.chdir("aqa-demo")
    notebook = json.loads((root / "examples/from_store_to_plots.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
    seen: dict[str, object] = {}
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), seen)
    assert len(seen["clips"]) > 3  # type: ignore[arg-type]
    assert {"svr", "wd", "average"} <= set(seen["results"]["head"])  # type: ignore[index]

"""examples/study.sh: every line of it runs, with fewer epochs and seeds; the docs show the same."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from glob import glob
from pathlib import Path

import pytest
from click.testing import Result

_FEWER = {"lr=1e-4": "lr=1e-2", "hidden=64": "hidden=3", "hidden=256": "hidden=4"}


def lines_of(script: str) -> list[str]:
    return [line for line in script.splitlines() if line.startswith("aqa ")]


def test_the_study_runs(
    evaluated_runs: Path,
    root: Path,
    tmp_path: Path,
    run_aqa: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = lines_of((root / "examples" / "study.sh").read_text(encoding="utf-8"))
    assert len(lines) == 9
    shutil.copytree(evaluated_runs, tmp_path / "w")
    shutil.rmtree(tmp_path / "w" / "runs")
    monkeypatch.chdir(tmp_path / "w")
    for line in lines:
        command, _, kept = line.partition(" > ")
        _, *arguments = shlex.split(command)
        if arguments[0] in ("fit", "sweep"):
            at = arguments.index("--seeds") + 1 if "--seeds" in arguments else 0
            arguments[at : at + 1] = ["2"] if at else arguments[:1]
            arguments = [_FEWER.get(one, one) for one in arguments if "tensorboard" not in one]
            arguments = [one for one in arguments if one not in ("--log", "--no-ranges")]
            if "svr" not in arguments:
                arguments += ["-p", "epochs=1", "-p", "device=cpu"]
            arguments.append("--no-ranges")
        said = run_aqa(*(path for one in arguments for path in glob(one) or [one])).output
        if kept:
            Path(kept).write_text(said)
    for name in ("sweep.pdf", "results.txt", "tests.txt", "table.tex", "table.html", "forest.pdf"):
        assert Path(name).stat().st_size > 200, name
    assert "p seeds" in Path("tests.txt").read_text()


def test_the_docs_show_the_same_script(root: Path) -> None:
    script = (root / "examples" / "study.sh").read_text(encoding="utf-8")
    page = (root / "docs" / "workbench.md").read_text(encoding="utf-8")
    assert lines_of(page.rpartition("```sh")[2]) == lines_of(script)

"""A small workspace of drawn dives with a fitted head, and the page on two of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from aqa.cli import main


@pytest.fixture(scope="session")
def dives(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn dives, extracted, with a fitted wd; `new dive.mp4` is in no manifest."""
    folder = tmp_path_factory.mktemp("page") / "dives"
    shutil.copytree(drawn_dives, folder)
    shutil.copy(folder / "videos" / "dive_0003.mp4", folder / "new dive.mp4")
    for command in (
        "extract --backbone tiny3d",
        "fit --head wd -p epochs=5 -p device=cpu --split 1",
        "eval",
    ):
        result = CliRunner().invoke(main, ["-C", str(folder), *command.split()])
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="session")
def page(dives: Path) -> Path:
    """The page on a stored dive and on a new file."""
    arguments = ["report", "dive_0003", "new dive.mp4", "--type", "107B", "-o", "two.html"]
    result = CliRunner().invoke(main, ["-C", str(dives), *arguments])
    assert result.exit_code == 0, result.output
    return dives / "two.html"


@pytest.fixture(scope="session")
def runs_page(evaluated_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page on two heads of two splits."""
    page = tmp_path_factory.mktemp("runs_page") / "runs.html"
    arguments = ["report", "runs/svr", "runs/lstm", "-o", str(page)]
    result = CliRunner().invoke(main, ["-C", str(evaluated_runs), *arguments])
    assert result.exit_code == 0, result.output
    return page

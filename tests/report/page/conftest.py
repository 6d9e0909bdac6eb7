"""The page on two drawn dives."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aqa.cli import main


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

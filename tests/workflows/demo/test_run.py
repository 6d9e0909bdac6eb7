"""`aqa demo` refuses folders that are not its own; the whole of it runs in `.ci/run`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.workflows.demo.run import NEW_SEED_OFFSET
from aqa.workflows.demo.train_backbone import FIRST_SEED


def refused(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["demo", str(folder), *options], prog_name="aqa")
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.output


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("notes.txt", "mine", "holds other files"),
        ("demo.json", '{"videos": 99, "seed": 0}', "holds a demo of"),
        ("demo.json", "{", "not the record of a demo"),
    ],
)
def test_other_folders_are_left_alone(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    (tmp_path / name).write_text(content)
    assert expected in refused(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == content


def test_the_network_has_seen_no_dive_of_any_demo(tmp_path: Path) -> None:
    assert "not in the range" in refused(tmp_path, "--seed", str(NEW_SEED_OFFSET))
    assert 2 * NEW_SEED_OFFSET <= FIRST_SEED

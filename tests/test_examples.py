"""The files of examples/, used as their author would: by path, and installed as a package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from aqa.cli import main

FILES = ("attention_pool.py", "club_scores.py", "max_ridge.py", "slim3d.py", "from_python.py")


class Names(NamedTuple):
    """What the examples are called on the command line."""

    ridge: str
    attention: str
    backbone: str
    importer: str


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of examples/, in a folder that has nothing to do with the package."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for name in (*FILES, "pyproject.toml", "README.md"):
        shutil.copy(Path(__file__).parents[1] / "examples" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def site(code: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples are installed in."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]
    command = [sys.executable, "-m", "pip", "install", *options, str(folder), str(code)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.fixture(params=["by path", "installed"])
def names(request: pytest.FixtureRequest, code: Path, monkeypatch: pytest.MonkeyPatch) -> Names:
    if request.param == "by path":
        files = ("max_ridge.py", "attention_pool.py:AttentionPoolHead", "slim3d.py:make")
        return Names(*(str(code / file) for file in (*files, "club_scores.py")))
    monkeypatch.syspath_prepend(str(request.getfixturevalue("site")))
    return Names("max-ridge", "attention-pool", "slim3d", "club-scores")


@pytest.fixture
def aqa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, numbered_video: Callable[..., Path]
) -> Callable[..., Result]:
    """Runs a command in a folder of twelve videos with a list of scores."""
    (tmp_path / "videos").mkdir()
    lines = []
    for k in range(12):
        numbered_video(16 + k, f"dive{k}.avi").rename(tmp_path / "videos" / f"dive{k}.avi")
        lines.append(f"dive{k} {50 + 2 * k} {'AB'[k % 2]}\n")
    (tmp_path / "scores.txt").write_text("".join(lines))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, prog_name="aqa")
        assert result.exit_code == code, f"{arguments}\n{result.output}"
        return result

    return run


def prepared(aqa: Callable[..., Result], names: Names) -> None:
    """Imports the annotations, and extracts the features."""
    said = aqa("import", names.importer, "scores.txt", "--videos", "videos").output
    assert "12 videos" in said
    aqa("extract", "--backbone", names.backbone, "--weights", "random", "--quiet")


def test_a_head_a_backbone_and_an_importer_of_someone_else_go_all_the_way(
    aqa: Callable[..., Result], names: Names, tmp_path: Path
) -> None:
    prepared(aqa, names)
    aqa("fit", "--head", names.ridge, "-p", "penalty=3")
    aqa("fit", "--head", names.attention, "-p", "epochs=2", "-p", "device=cpu")
    heads = ("--head", names.ridge, "--head", names.attention)
    results = json.loads(aqa("eval", *heads, "--no-baseline", "--json").output)["results"]
    assert len({row["head"] for row in results}) == 2
    compared = json.loads(aqa("compare", names.ridge, names.attention, "--json").output)
    assert len(compared["heads"]) == 2
    shutil.copy(tmp_path / "videos" / "dive3.avi", tmp_path / "new.avi")
    for head in (names.ridge, names.attention):
        said = aqa("score", "new.avi", "--head", head, "--backbone", names.backbone).output
        assert "new.avi" in said
    page = aqa("heads", names.ridge).output
    assert "weight of the squared coefficients" in page


def test_a_backbone_and_a_head_of_someone_else_are_trained_together(
    aqa: Callable[..., Result], names: Names
) -> None:
    prepared(aqa, names)
    network = ("--backbone", names.backbone, "--weights", "random")
    aqa("finetune", *network, "--head", names.attention, "--epochs", "1", "--device", "cpu")
    # A file is given again; what is installed is known.
    again = ("--head", names.attention) if names.attention.endswith(".py:AttentionPoolHead") else ()
    found = json.loads(aqa("eval", *again, "--no-baseline", "--json").output)
    assert found["failed"] == []
    assert {row["head"].rpartition("-finetuned")[2] for row in found["results"]} == {"", "-last"}


def test_a_run_of_a_file_that_nobody_names_is_left_alone(
    aqa: Callable[..., Result], code: Path
) -> None:
    files = ("max_ridge.py", "attention_pool.py", "slim3d.py", "club_scores.py")
    names = Names(*(str(code / file) for file in files))
    prepared(aqa, names)
    aqa("fit", "--head", names.ridge)
    aqa("fit", "--head", "svr", "-p", "C=1", "-p", "epsilon=1", "-p", "gamma=1")
    said = aqa("eval", "--no-baseline", code=1)
    assert "svr" in said.output
    assert "--head" in said.output
    assert "max_ridge" in said.output


def test_the_script_runs_from_outside(
    aqa: Callable[..., Result], code: Path, tmp_path: Path
) -> None:
    aqa("import", str(code / "club_scores.py"), "scores.txt", "--videos", "videos")
    video = str(tmp_path / "videos" / "dive3.avi")
    script = [sys.executable, str(code / "from_python.py"), str(tmp_path), video]
    done = subprocess.run(script, capture_output=True, text=True, cwd=code)
    assert done.returncode == 0, done.stderr
    assert "extracted    12" in done.stdout
    assert "points" in done.stdout


def test_the_examples_keep_the_contracts(code: Path) -> None:
    from aqa.models.heads import find_head
    from aqa.testing import check_backbone, check_head

    check_backbone(str(code / "slim3d.py"))
    for file in ("max_ridge.py", "attention_pool.py"):
        check_head(find_head(str(code / file)).head_class)

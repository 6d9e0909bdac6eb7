"""`aqa import` and `aqa split`, as typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.datasets import importer_names
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_makers import MAKERS
from aqa.annotations.split_protocols import PROTOCOLS

Aqa = Callable[..., Result]


@pytest.fixture
def workspace(tmp_path: Path, run_aqa: Aqa) -> Path:
    rows = [f"v{i},{i + 0.5},{'abc'[i % 3]},{i // 5}" for i in range(30)]
    (tmp_path / "jumps.csv").write_text("name,points,type,event\n" + "\n".join(rows) + "\n")
    columns = ("--column", "video_id=name", "--column", "score=points")
    result = run_aqa("import", "-C", str(tmp_path), "csv", str(tmp_path / "jumps.csv"), *columns)
    assert "30 videos of csv" in result.output
    assert "score 0.5 to 29.5, mean 15.00" in result.output
    return tmp_path


def test_a_table_is_imported_and_split(workspace: Path, run_aqa: Aqa) -> None:
    result = run_aqa("split", "-C", str(workspace), "grouped", "--test", "10", "--val", "0.2")
    assert result.output.splitlines()[1].split()[:5] == ["grouped", "15", "5", "10", "0"]
    assert result.output.splitlines()[1].endswith(" 0 (0)")
    result = run_aqa("split", "-C", str(workspace), "random", "-n", "12", "--test", "0.5")
    assert "and 2 more" in result.output
    run_aqa("split", "-C", str(workspace), "balanced", "--kinds", "a,c", "--test", "3", "-n", "1")
    table = Manifest.read(workspace / "manifest.csv")
    assert len(table.split_names) == 14
    assert len(table.split("balanced").test) == 6
    assert not {table.by_id[i].type for i in table.split("balanced").train} & {"b"}


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("import", "mtlaqa", "x"), 2, "unknown dataset 'mtlaqa'; did you mean 'mtl-aqa'?"),
        (("import", "csv", "x", "--column", "score"), 2, "'score' is not NAME=COLUMN"),
        (("import", "csv", "leaps.csv"), 1, "leaps.csv: no such file"),
        (("split", "random", "--test", "few"), 2, "'few' is no count"),
        (("split", "--folds", "f.json"), 2, "'f.json' is no count, such as 5, and no file that is"),
        (("split", "randon"), 2, "did you mean 'random'"),
        (("split", "grouped", "--by", "coach"), 2, "unknown column 'coach'"),
        (("split", "random", "--name", "a/b"), 1, "'a/b' names no split"),
    ],
)
def test_wrong_words_change_nothing(
    workspace: Path, run_aqa: Aqa, arguments: tuple[str, ...], code: int, expected: str
) -> None:
    before = (workspace / "manifest.csv").read_bytes()
    command, *rest = arguments
    result = run_aqa(command, "-C", str(workspace), *rest, code=code)
    assert expected in result.output
    assert (workspace / "manifest.csv").read_bytes() == before
    assert not (workspace / "manifest.splits.json").exists()


def test_without_a_name_they_tell_what_there_is(run_aqa: Aqa) -> None:
    listed = run_aqa("import").output
    for name in importer_names():
        assert f"\n{name} " in f"\n{listed}"
        described = run_aqa("import", name).output
        assert described.startswith(f"{name}: ")
        assert "SOURCE: " in described
        assert max(map(len, described.splitlines())) <= 80
    listed = run_aqa("split").output
    for name in (*MAKERS, *PROTOCOLS):
        assert f"\n{name} " in f"\n{listed}"


def test_a_split_that_comes_as_lists_goes_in_with_the_dataset(tmp_path: Path, run_aqa: Aqa) -> None:
    (tmp_path / "jumps.csv").write_text(
        "video_id,score\n" + "".join(f"v{i},{i}\n" for i in range(9))
    )
    (tmp_path / "train.txt").write_text("v0\nv1\nv2\nv3\nother\n")
    (tmp_path / "test.txt").write_text("v4.mp4\nv5.mp4\n")
    lists = [f"--{part}={tmp_path / part}.txt" for part in ("train", "test")]
    command = ("import", "-C", str(tmp_path), "csv", str(tmp_path / "jumps.csv"), *lists)
    result = run_aqa(*command, code=1)
    assert "1 ids are of no video" in result.output
    assert "leave them out with --skip-unknown" in result.output
    assert not list(tmp_path.glob("manifest*"))
    result = run_aqa(*command, "--skip-unknown")
    assert "split lists: 4 train, 2 test" in result.output
    table = Manifest.read(tmp_path / "manifest.csv")
    assert table.split("lists").test == ("v4", "v5")
    assert (tmp_path / "manifest.splits.json").exists()
    (tmp_path / "folds.json").write_text('[["v0", "v1"], ["v2"], ["v3", "v4"]]')
    folds = ("--folds", str(tmp_path / "folds.json"), "--force")
    assert "split lists-1: 3 train, 2 test" in run_aqa(*command[:-2], *folds).output
    table = Manifest.read(tmp_path / "manifest.csv")
    assert table.split_names == ("lists-1", "lists-2", "lists-3")
    assert table.split("lists-2").test == ("v2",)


def test_half_of_the_lists_is_no_split(workspace: Path, run_aqa: Aqa) -> None:
    (workspace / "train.txt").write_text("v0\n")
    command = ("import", "-C", str(workspace), "csv", str(workspace / "jumps.csv"), "--force")
    columns = ("--column", "video_id=name", "--column", "score=points")
    before = (workspace / "manifest.csv").read_bytes()
    result = run_aqa(*command, *columns, f"--train={workspace / 'train.txt'}", code=1)
    assert "give --train FILE and --test FILE, or --folds FILE alone" in result.output
    assert (workspace / "manifest.csv").read_bytes() == before


def test_what_the_list_and_each_action_tell_without_pixels(tmp_path: Path, run_aqa: Aqa) -> None:
    rows = [
        f"v{i:02d},,{10 * (i // 12) + i % 3},{'ab'[i // 24]},{'test' if i % 4 == 1 else 'train'}"
        for i in range(48)
    ]
    header = "video_id,path,score,action,split_1"
    (tmp_path / "manifest.csv").write_text("\n".join([header, *rows]) + "\n")
    result = run_aqa("baseline", "-C", str(tmp_path), "neighbours", "action", "--by", "action")
    lines = " ".join(result.output.split())
    assert "baseline-neighbours: the mean score of the training videos" in lines
    assert "neighbours Fisher z of actions" in lines
    assert "leaves out a, b (Spearman undefined there" in lines
    both = ("--by", "action", "--by", "type")
    assert "choose one" in run_aqa("baseline", "-C", str(tmp_path), *both, code=2).output

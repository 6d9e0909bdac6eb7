"""What the project says: citations, words that mislead, and the width of what commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.papers import KEY, PAPERS

# Papers by the numbers under which their texts once lay: `004 Table 2`, `003 4.3`, `000-II`.
_NUMBERED = re.compile(
    r"\b00[0-4](?:[ -](?:§|Tables?\b|T\d|Fig|[IVX]+(?:-[A-Z])?\b|\d\.\d)|,? §)"
    r"|\b(?:[Pp]apers?|in|for|by|from|and|than|as) 00[0-4]\b(?!\.)|\(00[0-4]\b"
)
# The texts' figures are read from a table that has them by number.
_NUMBERS_ALLOWED = {"tests/evaluation/test_metrics.py", "tests/test_metrics.py"}

# Judges are people who give marks; heads are evaluated.
_MARKS = re.compile(
    r"\bjudges?'s?|\bjudge_\w+|\"judges\"|\bjudges_?\b(?=[=:.)\]])|\bjudges\b"
    r"(?= (?:gave|err|give|in))|\bJUDGE_\w+|\bn_judges\b"
)
_JUDGE = re.compile(r"judg\w*", re.IGNORECASE)
# Where judges and their marks are what the file is about.
_JUDGES_ALLOWED = {
    "annotations/columns.py",
    "annotations/manifest.py",
    "annotations/row_parser.py",
    "annotations/datasets/finediving.py",
    "annotations/datasets/mtl_aqa.py",
    "annotations/importing/judge_marks.py",
    "annotations/importing/mtl_annotations.py",
    "models/heads/musdl.py",
    "papers/assessment.py",
    "papers/methods.py",
    "tests/models/heads/test_musdl.py",
    "tests/annotations/test_manifest.py",
    "tests/commands/test_columns.py",
    "tests/annotations/datasets/test_importers.py",
    "tests/annotations/datasets/test_mtl_aqa.py",
    "tests/annotations/datasets/test_real.py",
    "tests/test_words.py",
}
_JUDGES_ALLOWED_FOLDERS = ("workflows/demo/", "tests/workflows/demo/", "tests/legacy/")
# Even there nobody "judges heads".
_EVALUATE = re.compile(
    r"\bto judge\b|\bjudge(?:s|d)? (?:it|them|heads|each|which|whether|how|by|fitted)\b|judgement",
    re.IGNORECASE,
)

# What is built, and files that an earlier version wrote.
_NOT_OURS = ("build/", "tests/legacy/runs/")

# Words that look like keys: the name of a protocol, and keys that tests make up.
_NO_KEYS = {"li2018", "never2020", "tang2021"}


def texts(root: Path, *suffixes: str) -> Iterator[tuple[str, str]]:
    """(path from the root, text) of every file of the project with one of these suffixes."""
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
        if path.suffix in suffixes and not hidden and not name.startswith(_NOT_OURS):
            yield name, path.read_text(encoding="utf-8")


def lines(text: str, pattern: re.Pattern[str]) -> list[str]:
    return [line.strip() for line in text.splitlines() if pattern.search(line)]


def test_no_paper_is_called_by_a_number(root: Path) -> None:
    found = {
        name: wrong
        for name, text in texts(root, ".py", ".md", ".csv")
        if name not in (*_NUMBERS_ALLOWED, "tests/test_words.py")
        and (wrong := lines(text, _NUMBERED))
    }
    assert found == {}


def test_judges_give_marks_and_heads_are_evaluated(root: Path) -> None:
    found = {}
    for name, text in texts(root, ".py", ".md", ".csv"):
        wrong = [] if name == "tests/test_words.py" else lines(text, _EVALUATE)
        if name not in _JUDGES_ALLOWED and not name.startswith(_JUDGES_ALLOWED_FOLDERS):
            wrong += lines(_MARKS.sub("", text), _JUDGE)
        if wrong:
            found[name] = wrong
    assert found == {}


def test_every_cited_key_is_a_paper(root: Path) -> None:
    found = {
        name: unknown
        for name, text in texts(root, ".py", ".md", ".csv")
        if (unknown := set(KEY.findall(text)) - set(PAPERS) - _NO_KEYS)
    }
    assert found == {}


def test_every_paper_is_cited_somewhere(root: Path) -> None:
    text = "\n".join(
        text for name, text in texts(root, ".py", ".md") if not name.startswith("papers/")
    )
    assert set(PAPERS) <= set(KEY.findall(text))


def commands(command: click.Command = main, *path: str) -> Iterator[tuple[str, ...]]:
    """The arguments that name each command and each command inside one."""
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from commands(inner, *path, name)


LISTS = [
    ("heads",),
    *(("heads", name) for name in ("lstm", "score-estimation", "gdlt", "scoringnet", "pose-dct")),
    ("papers",),
    ("papers", "jain2020"),
    ("reproduce",),
    ("reproduce", "jain2020-4", "--list"),
    ("reproduce", "farabi2021-3", "--list"),
    ("weights", "list"),
    ("weights", "show", "p3d-199-k400"),
    ("import",),
    ("import", "mtl-aqa"),
    ("split",),
    ("--version",),
]


@pytest.mark.parametrize(
    "arguments", [*((*path, "--help") for path in commands()), *LISTS], ids=" ".join
)
def test_what_is_printed_fits_80_columns(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("AQA_WORKSPACE", raising=False)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments, prog_name="aqa")
    assert result.exit_code == 0, result.output
    long = [line for line in result.output.splitlines() if len(line) > 80]
    assert [line for line in long if "://" not in line] == []  # an address is not broken


def test_one_line_per_head(monkeypatch: pytest.MonkeyPatch) -> None:
    from aqa.models.heads import head_names

    monkeypatch.setenv("COLUMNS", "80")
    printed = CliRunner().invoke(main, ["heads"], prog_name="aqa").output.split("\n\n")[0]
    assert [line.split()[0] for line in printed.splitlines()] == list(head_names())


def test_commands_that_are_named_exist(root: Path) -> None:
    known = set(main.list_commands(click.Context(main)))
    named = re.compile(r"`aqa ([a-z]+)\b")
    found = {
        name: unknown
        for name, text in texts(root, ".py", ".md")
        if (unknown := set(named.findall(text)) - known)
    }
    assert found == {}

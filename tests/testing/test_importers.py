"""`check_importer`: it passes what keeps the contract, and names what breaks it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aqa.annotations.importing import Imported, Importer, Request, SourceFile, Version
from aqa.errors import AqaError
from aqa.testing import check_importer

Edit = Callable[[list[dict[str, Any]]], None]


def read(request: Request) -> Imported:
    path = request.find("leaps.txt")
    rows: list[dict[str, object]] = []
    for line in path.read_text().splitlines():
        name, _, score = line.partition(" ")
        try:
            rows.append({"video_id": name, "path": None, "score": float(score)})
        except ValueError:
            raise AqaError(f"{path}: {line!r} is no name and score") from None
    return Imported(rows, path)


GOOD = Importer(
    read,
    citation="us",
    origin="not known",
    files=(SourceFile("leaps.txt", "one leap a line"),),
    counts={"videos": 3},
)


@pytest.fixture
def leaps(tmp_path: Path) -> Path:
    path = tmp_path / "leaps.txt"
    path.write_text("a 5\nb 6.25\nc 7\n")
    return path


def test_a_good_one_passes(leaps: Path) -> None:
    check_importer(GOOD)
    check_importer(GOOD, leaps)
    check_importer(GOOD, leaps.parent)


def test_the_example_passes(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "club_scores.py"
    shutil.copy(example, tmp_path)
    (tmp_path / "scores.txt").write_text("a 5 tuck\nb 6 pike\nc 7 tuck\nd 8 tuck\n")
    check_importer(tmp_path / "club_scores.py", tmp_path / "scores.txt")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"citation": ""}, "citation is empty"),
        ({"origin": " "}, "origin is empty"),
        ({"files": ()}, "files is empty"),
        ({"files": (GOOD.files[0],) * 2}, "a pattern is there twice"),
        ({"files": (SourceFile("leaps.txt", ""),)}, "says not what it holds"),
        ({"files": (SourceFile("a", "b", versions=(Version(0),)),)}, "a version of 0 bytes"),
        ({"files": (SourceFile("a", "b", versions=(Version(9, "ab"),)),)}, "'ab' is no SHA-256"),
        ({"options": {"video": "x"}}, "are no fields of Request"),
        ({"counts": {"videos": 0}}, "counts: 0 videos"),
    ],
)
def test_records_that_break_it(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(AssertionError, match=expected):
        check_importer(dataclasses.replace(GOOD, **changes))


def edited(edit: Edit) -> Importer:
    def read_and_edit(request: Request) -> Imported:
        imported = read(request)
        edit(imported.rows)
        return imported

    return dataclasses.replace(GOOD, read=read_and_edit)


def _scores(name: str, value: object) -> Edit:
    return lambda rows: [row.update({f"score_{name}": value}) for row in rows] and None


def _relative(rows: list[dict[str, Any]]) -> None:
    rows[1]["path"] = "a.mp4"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda rows: rows.clear(), "it gives no rows"),
        (lambda rows: rows.pop(), "videos: 2; 3 were published"),
        (lambda rows: rows[2].update(type="x"), "row 3 has other columns"),
        (lambda rows: [row.pop("score") for row in rows], "its rows have no score"),
        (_scores("flow", "high"), "its rows make no manifest: .*'high' is not a finite number"),
        (_scores("TES", 5), r"columns score_<name> are in lower case: \['TES'\]"),
        (_relative, "row 2: path is 'a.mp4', neither"),
        (lambda rows: rows[1].update(video_id="a"), "its rows make no manifest: .*a"),
        (lambda rows: rows[0].update(score=float(id(rows))), "two reads .* different rows"),
    ],
)
def test_rows_that_break_it(leaps: Path, edit: Edit, expected: str) -> None:
    with pytest.raises(AssertionError, match=expected):
        check_importer(edited(edit), leaps)


def test_an_empty_folder_is_no_dataset() -> None:
    blind = dataclasses.replace(GOOD, read=lambda request: Imported([], Path()))
    with pytest.raises(AssertionError, match="an empty folder is read as a dataset"):
        check_importer(blind)


def test_a_file_cut_short_raises_nothing_but_aqa_errors(leaps: Path) -> None:
    def crash(request: Request) -> Imported:
        path = request.find("leaps.txt")
        rows = [line.split() for line in path.read_text().splitlines()]
        return Imported(
            [{"video_id": row[0], "path": None, "score": float(row[1])} for row in rows], path
        )

    leaps.write_text("a 5\nbb 6\nc 7\n")
    with pytest.raises(AssertionError, match=r"leaps\.txt, cut short: raises IndexError"):
        check_importer(dataclasses.replace(GOOD, read=crash), leaps)


def test_its_own_errors_are_told(leaps: Path) -> None:
    leaps.write_text("a five\n")
    with pytest.raises(AssertionError, match=r"it refuses its own files: .*'a five' is no name"):
        check_importer(GOOD, leaps)
    with pytest.raises(AssertionError, match=r"nowhere\.py: No such file"):
        check_importer("nowhere.py")


def test_files_are_held_against_the_index(leaps: Path) -> None:
    file = dataclasses.replace(GOOD.files[0], versions=(Version(15, "0" * 64),))
    with pytest.raises(AssertionError, match="damaged, or another release"):
        check_importer(dataclasses.replace(GOOD, files=(file,)), leaps)
    file = dataclasses.replace(GOOD.files[0], versions=(Version(15),))
    check_importer(dataclasses.replace(GOOD, files=(file,)), leaps)

"""The importers of Fis-V and Rhythmic Gymnastics, on files made here and on the authors' own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError

Lines = list[str]


def imported(folder: Path, name: str, *sources: Path) -> tuple[Manifest, str]:
    manifest = folder / "manifest.csv"
    lines = import_dataset(name, find_importer(name).importer, Request(sources), manifest)
    return Manifest.read(manifest), "\n".join(lines)


def skating() -> dict[str, Lines]:
    """As published: 400 and 100 programs, and 27 empty rows of the spreadsheet."""
    numbers = range(1, 501)
    table = [f"{n},59.0,30.5,29.5,1,skater_{n % 9},2015,NHK" for n in numbers]
    empty = [f"{n},,,,,,," for n in range(501, 528)]
    return {
        "train_dataset.txt": [f"{n} 30.5 29.5 1" for n in numbers if n % 5],
        "test_dataset.txt": [f"{n} 30.5 29.5 1" for n in numbers if n % 5 == 0],
        "fs_dataset.csv": ["number,total,tes,pcs,ded,,,", *table, *empty],
    }


def gymnastics() -> dict[str, Lines]:
    """As published: 200 and 50 routines with each apparatus; a header of tabs and blanks."""
    header = "Video_Name\tDifficulty_Score    Execution_Score Total_Score\tPenalty\tVideo_length"
    names = ("Ball", "Clubs", "Hoop", "Ribbon")
    return {
        f"{part}.txt": [
            header,
            *(f"{a}_{n:03d}\t10.50\t8.30\t18.75\t0.05\t92" for a in names for n in numbers),
        ]
        for part, numbers in (("train", range(1, 201)), ("test", range(201, 251)))
    }


def write(folder: Path, files: dict[str, Lines]) -> Path:
    for name, lines in files.items():
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


def test_a_program_has_both_scores_skater_and_event(tmp_path: Path) -> None:
    files = skating()
    files["fs_dataset.csv"][3] = "3,69.0,30.5,29.5,1,skater_3,2015,NHK"
    table, lines = imported(tmp_path, "fis-v", write(tmp_path, files))
    assert len(table) == 500
    assert dict(table.by_id["3"].row) == {
        **{"video_id": "3", "path": "", "score": "59.0", "score_tes": "30.5"},
        **{"score_pcs": "29.5", "deductions": "1.0", "stated_total": "69.0"},
        **{"action": "figure_skating", "athlete": "skater_3", "event": "NHK 2015"},
        "split_published": "train",
    }
    split = table.split("published")
    assert (len(split.train), len(split.test)) == (400, 100)
    assert "1 stated totals are not that sum: 3 (69, not 59)" in lines


def test_the_lists_alone_are_enough(tmp_path: Path) -> None:
    files = skating()
    del files["fs_dataset.csv"]
    table, lines = imported(tmp_path, "fis-v", write(tmp_path, files))
    assert (table.by_id["5"].score, table.by_id["5"].athlete) == (59.0, None)
    assert "no fs_dataset.csv: skaters and events are not known" in lines


def test_a_score_out_of_range_is_refused(tmp_path: Path) -> None:
    files = skating()
    del files["fs_dataset.csv"]
    files["test_dataset.txt"][1] = "10 950 29.5 1"
    with pytest.raises(AqaError, match="row 2, column tes: '950' is not from 0 to 150"):
        imported(tmp_path, "fis-v", write(tmp_path, files))


def test_a_routine_belongs_to_its_apparatus(tmp_path: Path) -> None:
    table, _ = imported(tmp_path, "rhythmic-gymnastics", write(tmp_path, gymnastics()))
    hoop = table.by_id["Hoop_201"]
    assert (hoop.score, hoop.difficulty, hoop.execution) == (18.75, None, None)
    assert (hoop.row["score_difficulty"], hoop.row["score_execution"]) == ("10.5", "8.3")
    assert (hoop.action, hoop.row["penalty"], hoop.row["seconds"]) == ("hoop", "0.05", "92.0")
    assert hoop.splits == {
        **{"published": "test", "hoop": "test"},
        **dict.fromkeys(("ball", "clubs", "ribbon"), ""),
    }
    assert len(table.split("clubs").train) == 200


@pytest.mark.parametrize(
    ("name", "make", "file", "row", "line", "message"),
    [
        ("fis-v", skating, "train_dataset.txt", 0, "1 30.5 29.5 x", "row 1, column ded: 'x'"),
        (
            "fis-v",
            skating,
            "train_dataset.txt",
            0,
            "1 950 29.5 1",
            "tes is 950, but 30.5 in",
        ),
        ("fis-v", skating, "train_dataset.txt", 0, "2 30.5 29.5 1", "row 1 has it already"),
        ("fis-v", skating, "train_dataset.txt", 0, "1 31.5 29.5 1", "tes is 31.5, but 30.5 in"),
        ("fis-v", skating, "train_dataset.txt", 0, "900 30.5 29.5 1", "no program 900"),
        ("fis-v", skating, "test_dataset.txt", 0, "1 30.5 29.5 1", "in train and in test"),
        ("fis-v", skating, "train_dataset.txt", 0, "", "399 train programs where 400 were"),
        ("fis-v", skating, "fs_dataset.csv", 0, "id,a,b,c,d,,,", "its columns are id, a, b"),
        *(
            ("rhythmic-gymnastics", gymnastics, "train.txt", row, line, message)
            for row, line, message in (
                (1, "Ball_001\t10.5\t8.3\t28.8\t0\t92", "'28.8' is not 10.5 + 8.3 - 0"),
                (1, "Rope_001\t10.5\t8.3\t18.8\t0\t92", "'Rope_001' is not named after ball"),
                (1, "Hoop_999\t10.5\t8.3\t18.8\t0\t92", "249 routines with ball where 250"),
                (1, "Ball_201\t10.5\t8.3\t18.8\t0\t92", "Ball_201 is in train and in test"),
                (1, "Ball_001\t10.5\t8.3", "row 2: 3 values, not 6"),
                (0, "a\tb\tc\td\te\tf", "its columns are a, b, c"),
            )
        ),
    ],
)
def test_what_was_not_published_is_refused(
    tmp_path: Path,
    name: str,
    make: Callable[[], dict[str, Lines]],
    file: str,
    row: int,
    line: str,
    message: str,
) -> None:
    files = make()
    files[file][row] = line
    with pytest.raises(AqaError) as caught:
        imported(tmp_path, name, write(tmp_path, files))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "manifest.csv").exists()


def test_the_real_programs(shared: Path, tmp_path: Path) -> None:
    table, lines = imported(tmp_path, "fis-v", shared / "data" / "fis-v")
    split = table.split("published")
    assert (len(split.train), len(split.test)) == (400, 100)
    assert len({video.athlete for video in table}) == 148
    assert "14 stated totals are not that sum" in lines
    assert table.by_id["1"].score == 57.07
    assert table.by_id["1"].row["score_tes"] == "28.71"
    assert table.by_id["1"].row["score_pcs"] == "29.36"


def test_the_real_routines(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "rhythmic-gymnastics"
    table, _ = imported(tmp_path, "rhythmic-gymnastics", folder)
    assert Counter(video.action for video in table) == dict.fromkeys(
        ("ball", "clubs", "hoop", "ribbon"), 250
    )
    assert (table.by_id["Ball_002"].score, table.by_id["Ball_002"].row["penalty"]) == (10.8, "0.6")
    for apparatus in ("ball", "clubs", "hoop", "ribbon"):
        split = table.split(apparatus)
        assert (len(split.train), len(split.test)) == (200, 50)

"""MTL-AQA's versions, smaller sets and marks: on the authors' own files, and made-up marks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.judge_marks import read_marks
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError


def imported(folder: Path, *sources: Path) -> tuple[Manifest, str]:
    importer = find_importer("mtl-aqa").importer
    lines = import_dataset("mtl-aqa", importer, Request(sources), folder / "manifest.csv")
    return Manifest.read(folder / "manifest.csv"), "\n".join(lines)


def test_the_whole_release_with_marks(
    shared: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    data = shared / "data"
    folders = ("mtl-aqa", "mtl-aqa-release", "mtl-aqa-variants")
    table, lines = imported(tmp_path, *(data / name for name in folders))
    sizes = {name: len(table.split(name).train) for name in table.split_names}
    assert sizes == {
        "published": 1059,
        "size-140": 143,
        "size-280": 279,
        "size-450": 443,
        "unlv-dive-4": 279,
    }
    official = set(table.split("published").test)
    for name in ("size-140", "size-280", "size-450"):
        split = table.split(name)
        assert set(split.test) == official - set(split.train)
    assert "36 of its 143 training dives are official test dives" in lines
    assert all(len(video.judges) == 7 for video in table)
    assert table.by_id["04-049"].judges == (2.5, 4, 4, 4.5, 3.5, 5, 4)
    assert table.by_id["04-049"].row["dive_number"] == "207C"
    assert "the score of 1382 of 1412 dives, and of 1385 within 0.05" in lines
    assert lines.count("(18.15)") == 1 == lines.count("45 in augmented")
    # The benchmark of musdl, with features of the right shape that hold nothing.
    rng = np.random.default_rng(0)
    np.save(tmp_path / "f.npy", rng.normal(size=(len(table), 16)).astype(np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"{i}\n" for i in table.ids))
    here = ("-C", str(tmp_path))
    files = (str(tmp_path / "f.npy"), "--ids", str(tmp_path / "ids.txt"))
    run_aqa("store", "import", *here, *files, "--store", str(tmp_path / "s.h5"))
    store = ("--store", str(tmp_path / "s.h5"), "--split", "published")
    run_aqa("fit", *here, "--head", "musdl", *store, "-p", "epochs=1", "-p", "networks=shared")
    assert "musdl" in run_aqa("eval", *here, *store[:2]).output


def test_marks_of_the_augmented_version_alone(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    augmented = data / "mtl-aqa-variants" / "augmented_final_annotations_dict.pkl"
    splits = [data / "mtl-aqa" / f"{part}_split_0.pkl" for part in ("train", "test")]
    table, lines = imported(tmp_path, augmented, *splits)
    assert table.by_id["04-049"].row["judge_4"] == ""
    assert "marks are 0 to 10; left empty" in lines
    assert "dive_number" not in table[0].row


def test_unlv_dive_split_4_is_recognised(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "mtl-aqa-release" / "UNLV_Dive_split_4"
    table, lines = imported(tmp_path, folder)
    split = table.split("published")
    assert (len(table), len(split.train), len(split.test)) == (372, 279, 93)
    assert "372 dives of UNLV_Dive_split_4" in lines


def dives(**marks: Any) -> dict[tuple[int, int], dict[str, Any]]:
    dive = {"difficulty": 2.0, "final_score": 30.0}
    return {(1, number): {**dive, "judge_scores": m} for number, m in enumerate(marks.values())}


def test_a_mark_that_is_none_is_taken_from_the_other_version() -> None:
    """NaN is outside 0 to 10 too; where both are marks and differ, the first version counts."""
    right, nan = [5.0] * 7, [5.0] * 6 + [float("nan")]
    one, two = Path("one.pkl"), Path("two.pkl")
    marks, notes = read_marks([one, two], [dives(a=nan), dives(a=[5.0] * 6 + [4.5])])
    assert marks[1, 0] == (*[5.0] * 6, 4.5)
    assert notes[0].startswith("mark 7 of dive 01-000 is nan in one.pkl, 4.5 in two.pkl: marks are")
    marks, notes = read_marks([one, two], [dives(a=right), dives(a=[6.0, *right[1:]])])
    assert (marks[1, 0], notes[0]) == (
        (5.0,) * 7,
        "mark 1 of dive 01-000 is 5 in one.pkl, 6 in two.pkl: 5 is taken",
    )
    assert "the score of 1 of 1 dives" in notes[1]
    marks, _ = read_marks([one], [dives(a=[*right[:6], -1.0])])
    assert marks[1, 0] == (*[5.0] * 6, None)


def test_marks_that_do_not_give_the_score_are_listed_and_kept() -> None:
    marks, notes = read_marks([Path("one.pkl")], [dives(a=[5.0] * 7, b=[5.5] * 7)])
    assert marks[1, 1] == (5.5,) * 7
    assert notes == [
        "marks: the middle three times the difficulty are the score of 1 of 2 dives, and of 1 "
        "within 0.05; all are kept; these differ (the score in brackets): 01-001 33.00 (30)"
    ]


@pytest.mark.parametrize("marks", [None, [5.0] * 6, ["5"] * 7])
def test_no_seven_marks_are_refused(marks: Any) -> None:
    with pytest.raises(AqaError, match=r"one\.pkl: dive 01-000: judge_scores is .* not 7 numbers"):
        read_marks([Path("one.pkl")], [dives(a=marks)])

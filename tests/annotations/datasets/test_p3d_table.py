"""The importer of `unlv-dive-p3d` on a table made here, and on wrong ones."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request, write
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError

Rows = list[dict[str, object]]


def table() -> Rows:
    """As published: 370 dives, of which 300 train."""
    return [
        {
            "video_id": f"{i + 1:03d}",
            "score": 21.6 if i == 0 else 102.6 if i == 1 else 70.5,
            "difficulty": 3.0,
            "split": "train" if i < 300 else "test",
            "mtl_event": 7,
            "mtl_number": i + 1,
            "position": 1,
            "armstand": 0,
            "rotation_type": 3,
            "ss_no": 5,
            "tw_no": 2,
            "jump_start": 30,
            "drop_start": 40,
            "entry_start": 60,
            "ending_start": 70,
        }
        for i in range(370)
    ]


def read(folder: Path, rows: Rows) -> tuple[Manifest, list[str]]:
    with (folder / "videos.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    manifest = folder / "manifest.csv"
    importer = find_importer("unlv-dive-p3d").importer
    lines = write.import_dataset("unlv-dive-p3d", importer, Request((folder,)), manifest)
    return Manifest.read(manifest), lines


def test_a_row_becomes_a_video(tmp_path: Path) -> None:
    rows = table()
    rows[4]["mtl_event"] = ""
    rows[5]["drop_start"] = 61
    rows[6]["jump_start"] = 40
    videos, lines = read(tmp_path, rows)
    assert dict(videos[2].row) == {
        "video_id": "003",
        "path": "",
        "score": "70.5",
        "difficulty": "3.0",
        "execution": "23.5",
        "action": "diving",
        "type": "5352B",
        "position": "pike",
        "armstand": "no",
        "rotation": "reverse",
        "somersaults": "2.5",
        "twists": "1.0",
        "event": "07",
        "performance": "unlv-dive:003;mtl-aqa:07-003",
        "stage_jump": "30",
        "stage_drop": "40",
        "stage_entry": "60",
        "stage_ending": "70",
        "split_published": "train",
    }
    kind = ("type", "position", "armstand", "rotation", "somersaults", "twists", "event")
    assert [videos[4].row[name] for name in kind] == [""] * 7
    assert (videos[5].stages, len(videos[6].stages)) == ({}, 4)
    assert "stages left empty because they are out of order: 006" in lines
    assert (tmp_path / "ids.txt").read_text().split() == [str(row["video_id"]) for row in rows]
    fitted_on = (tmp_path / "fitted-on.txt").read_text().split()
    assert fitted_on == [f"{i:03d}" for i in range(1, 301)]
    assert len(videos.split("published").test) == 70
    text = "\n".join(lines)
    assert f"{tmp_path / 'ids.txt'}: 370 ids" in text
    command = text[text.index("aqa store import") :].replace("\\\n", "").split()
    expected = [
        *("aqa", "store", "import", tmp_path / "features.npy"),
        *("--store", tmp_path / "stores" / "p3d.h5"),
        *("--ids", tmp_path / "ids.txt", "--fitted-on", tmp_path / "fitted-on.txt"),
    ]
    assert command[: len(expected)] == [str(word) for word in expected]


def test_a_sound_table_has_no_stages_to_speak_of(tmp_path: Path) -> None:
    assert not any("out of order" in line for line in read(tmp_path, table())[1])


WRONG: dict[str, tuple[Callable[[Rows], object], str]] = {
    "a dive too few": (lambda rows: rows.pop(), "369 dives where 370 were published"),
    "a score too high": (lambda rows: rows[3].update(score=102.7), r"score 102\.7 of 004"),
    "a score too low": (lambda rows: rows[3].update(score=21.5), r"score 21\.5 of 004"),
    "a text": (lambda rows: rows[3].update(score="high"), "row 5, column score: 'high' is not a"),
    "no number": (lambda rows: rows[3].update(score="nan"), "column score: 'nan' is not a finite"),
    "half a code": (lambda rows: rows[3].update(ss_no=2.5), r"ss_no: '2\.5' is not a whole"),
    "half a frame": (lambda rows: rows[3].update(drop_start=40.5), "drop_start: .* not a whole"),
    "half an event": (lambda rows: rows[3].update(mtl_event=1.5), "mtl_event: .* not a whole"),
    "another part": (lambda rows: rows[3].update(split="val"), "split: 'val' is not train or test"),
    "no difficulty": (lambda rows: rows[3].update(difficulty=0), "difficulty: '0' is not above 0"),
    "one more trains": (lambda rows: rows[-1].update(split="train"), "301 training dives where"),
    "no column": (lambda rows: [row.pop("tw_no") for row in rows], "no column tw_no"),
    "an unknown code": (lambda rows: rows[3].update(position=3), "position of dive 004 is 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_refused(tmp_path: Path, name: str) -> None:
    change, expected = WRONG[name]
    rows = table()
    change(rows)
    with pytest.raises(AqaError, match=expected):
        read(tmp_path, rows)
    assert not (tmp_path / "manifest.csv").exists()


def test_a_row_of_too_few_values_is_named(tmp_path: Path) -> None:
    read(tmp_path, table())
    (tmp_path / "manifest.csv").unlink()
    text = (tmp_path / "videos.csv").read_text().splitlines()
    text[9] = text[9].rpartition(",")[0]
    (tmp_path / "videos.csv").write_text("\n".join(text) + "\n")
    importer = find_importer("unlv-dive-p3d").importer
    with pytest.raises(AqaError, match=r"row 10: 14 values for 15 columns"):
        write.import_dataset("x", importer, Request((tmp_path,)), tmp_path / "manifest.csv")

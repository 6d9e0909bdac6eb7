"""Pairs in the forms in which BEST, EPIC-Skills and EgoExoLearn are published."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Imported, Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.testing import check_importer

IMPORTER = find_importer("pairs").importer


def read(folder: Path, **files: str) -> Imported:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return IMPORTER.read(Request((folder,)))


def test_best_splits_videos(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        train__txt="a b\nb c\n",
        test__txt="x y\n",
        train_vid_list__txt="a\nb\nc\nd\n",
        test_vid_list__txt="x\ny\n",
    )
    parts = {row["video_id"]: row["split_published"] for row in found.rows}
    assert parts == {**dict.fromkeys("abcd", "train"), "x": "test", "y": "test"}
    assert found.pairs == [
        {"better": "x", "worse": "y"},
        {"better": "a", "worse": "b"},
        {"better": "b", "worse": "c"},
    ]
    assert "split published: of videos; a pair is where its videos are" in found.notes


def test_epic_skills_splits_pairs_and_calls_tests_val(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        d_gt__csv="Vid1,Vid2,Best\nb,a,a,\nb,c,b,\na,d,a,\nd,c,,\n",
        d_train_1__csv="Better,Worse,\na,b,\nb,c,\n",
        d_val_1__csv="Better,Worse,\na,d,\n",
        d_train_2__csv="Better,Worse,\na,d,\nb,c,\n",
        d_val_2__csv="Better,Worse,\na,b,\n",
    )
    assert {frozenset(row) for row in found.rows} == {frozenset({"video_id", "path"})}
    assert found.pairs == [
        {"better": "a", "worse": "b", "split_1": "train", "split_2": "test"},
        {"better": "b", "worse": "c", "split_1": "train", "split_2": "train"},
        {"better": "a", "worse": "d", "split_1": "test", "split_2": "train"},
    ]
    notes = "\n".join(found.notes)
    assert "no file is called test; taken for what is tested: d_val_1.csv, d_val_2.csv" in notes
    assert "split 1: of pairs (1 test, 2 train), whose videos are in several parts" in notes
    assert "ties: 1 rows without a better video are left out" in notes


def test_a_pair_stands_as_often_as_in_one_split(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        train_split1__txt="a b\na b\n",
        test_split1__txt="a b\nb c\n",
        train_split2__txt="a b\nb c\n",
        test_split2__txt="a b\na b\n",
    )
    repeated = [row for row in found.pairs if row["better"] == "a"]
    assert sorted(row["split_1"] for row in repeated) == ["test", "train", "train"]
    assert sorted(row["split_2"] for row in repeated) == ["test", "test", "train"]
    assert len(found.pairs) == 4
    assert any("pairs both learned and tested: 1" in note for note in found.notes)


def test_egoexolearn_has_its_clips_as_ids(tmp_path: Path) -> None:
    ids = ("18_bee9-ac78_7242_7427", "18_bee9-7266_290_455")
    found = read(tmp_path, skill_val__txt=" ".join(ids) + "\n", skill_train__txt="06_x 06_y\n")
    assert {"better": ids[0], "worse": ids[1]} in found.pairs
    assert [row["split_published"] for row in found.rows if row["video_id"] in ids] == ["test"] * 2


def test_columns_of_a_table_say_the_parts(tmp_path: Path) -> None:
    found = read(tmp_path, mine__csv="better,worse,split_a\na,b,train\nb,c,test\nc,d,\n")
    assert [row["split_a"] for row in found.pairs] == ["train", "test", ""]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a b c\nd e f\n", "row 1: 3 values, not better, worse"),
        ("better,worse\na,a\n", "row 2: a, a are not two videos"),
        ("Vid1,Vid2,Best\na,b,c\n", "row 2, column Best: 'c' is neither a nor b"),
        ("better,worse,split_1\na,b,x\n", "row 2, column split_1: 'x' is not train, val"),
        ("Vid1,Vid2,Best\na,b,\n", "no pairs of a better and a worse video"),
        ("", "it is empty"),
    ],
)
def test_wrong_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(AqaError, match=problem):
        read(tmp_path, mine__csv=text)


def test_a_list_of_videos_is_read_as_strictly_as_a_table(tmp_path: Path) -> None:
    read(tmp_path, train__txt="a b\n")
    names = tmp_path / "train_vid_list.txt"
    names.write_bytes("\ufeffa\r\n é\r\n".encode())
    assert [row["video_id"] for row in read(tmp_path).rows] == ["a", "b", "é"]
    names.write_bytes("é".encode("latin-1"))
    with pytest.raises(AqaError, match=r"train_vid_list\.txt: byte 0 is not UTF-8"):
        read(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="no table of pairs"):
        read(tmp_path)


def test_both_tables_are_written_and_read_again(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("a b\nb c\n")
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in "abc":
        (videos / f"{name}.mp4").write_bytes(b"")
    where = tmp_path / "manifest.csv"
    lines = import_dataset("pairs", IMPORTER, Request((source,), videos), where)
    assert f"{tmp_path / 'pairs.csv'}: 2 pairs; learn them with `aqa fit --target pairs`" in lines
    seen = Manifest.read(where).of_target("pairs")
    assert [video.path for video in seen] == [videos / f"{name}.mp4" for name in "abc"]
    assert len(seen.pairs or ()) == 2
    with (tmp_path / "pairs.csv").open() as file:
        assert list(csv.reader(file)) == [["better", "worse"], ["a", "b"], ["b", "c"]]
    with pytest.raises(AqaError, match=r"manifest\.csv: exists already; replace it with --force"):
        import_dataset("pairs", IMPORTER, Request((source,), videos), where)
    import_dataset("pairs", IMPORTER, Request((tmp_path,), videos), where, force=True)
    assert len(Manifest.read(where).of_target("pairs").pairs or ()) == 2


def test_what_is_imported_is_not_overwritten(tmp_path: Path) -> None:
    source = tmp_path / "pairs.csv"
    source.write_text("a b\nb c\n")
    for force in (False, True):
        with pytest.raises(AqaError, match=r"pairs\.csv: (exists already|it is what is imported)"):
            import_dataset(
                "pairs", IMPORTER, Request((source,)), tmp_path / "manifest.csv", force=force
            )
    assert source.read_text() == "a b\nb c\n"


def test_it_keeps_the_contract_of_importers(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("a b\nb c\n")
    (tmp_path / "test.txt").write_text("x y\ny z\n")
    check_importer("pairs", tmp_path)

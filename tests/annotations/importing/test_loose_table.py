"""What separates the columns of a table, decimal commas, headers that are missing."""

from __future__ import annotations

import unicodedata

import pytest

from aqa.annotations.datasets import csv_, find_importer
from aqa.annotations.importing.importer import Request
from aqa.annotations.importing.loose_table import read_loose_table
from aqa.annotations.importing.video_folder import VideoFolder
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("video_id,score\na,1.5\nb,2\n", "commas"),
        ("video_id;score\na;1.5\nb;2\n", "semicolons"),
        ("video_id\tscore\r\na\t1.5\r\nb\t2\r\n", "tabs"),
        ("video_id|score\na|1.5\nb|2\n", "bars"),
        ("video_id  score\na\t1.5\n b   2 \n", "blanks"),
        ('video_id "score"\n"a" 1.5\nb 2\n', "blanks"),
        # What stands in the cells does not separate them.
        ('video_id,score,note\na,1.5,"x;y;z;u"\nb,2,"x;y;z;u"\n', "commas"),
        ("video_id;score;name\na;1.5;Li, An\nb;2;Wu, Bo\n", "semicolons"),
        ("video_id\tscore\tname\na\t1.5\tAn Li\nb\t2\tBo\n", "tabs"),
    ],
)
def test_what_separates_columns(tmp_path, text, separator):
    path = tmp_path / "t.txt"
    path.write_bytes(text.encode())
    table = read_loose_table(path)
    assert table.separator == separator
    assert table.header[:2] == ["video_id", "score"]
    assert [values[:2] for _, values in table.rows] == [["a", "1.5"], ["b", "2"]]
    assert bool(table.notes) == (separator != "commas")


def test_excels_unicode_text_is_read_and_a_workbook_is_not(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("video_id\tscore\r\nä\t1,5\r\n".encode("utf-16"))
    table = read_loose_table(path)
    assert (table.separator, table.rows) == ("tabs", [(2, ["ä", "1,5"])])
    path.write_bytes("video_id\tscore\n".encode("utf-16")[:-1])
    with pytest.raises(AqaError, match="is not UTF-16"):
        read_loose_table(path)
    path.write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(AqaError, match="a spreadsheet, not a text"):
        read_loose_table(path)


def imported(tmp_path, text, **asked):
    """The manifest and the printed lines of a table."""
    source, manifest = tmp_path / "t.csv", tmp_path / "manifest.csv"
    source.write_text(text)
    request = Request((source,), **asked)
    lines = import_dataset("csv", find_importer("csv").importer, request, manifest, force=True)
    return Manifest.read(manifest), "\n".join(lines)


def test_decimal_commas_are_points_in_columns_of_numbers(tmp_path):
    text = "video_id;score;judge_1;type;note\na;76,5;7,5;1,5;1,5\nb;-51;8;;2\n"
    manifest, lines = imported(tmp_path, text)
    assert [video.score for video in manifest] == [76.5, -51]
    assert manifest[0].row["judge_1"] == "7.5"
    assert manifest[0].row["note"] == manifest[0].type == "1,5"
    assert "separated by semicolons" in lines
    assert "decimal commas in score, judge_1" in lines


def test_mixed_marks_are_no_decimal_commas(tmp_path):
    with pytest.raises(AqaError, match=r"row 2, column score: '1\.234,5' is not"):
        imported(tmp_path, "video_id;score\na;1.234,5\nb;7,5\n")


def test_a_table_without_a_header(tmp_path):
    text = "1 28.71 29.36\n2 28.88 27.08\n"
    with pytest.raises(AqaError, match="--header"):
        imported(tmp_path, text)
    manifest, _ = imported(tmp_path, text, header=("video_id", "score", "pcs"))
    assert manifest.ids == ("1", "2")
    with pytest.raises(AqaError, match="row 1: 3 values for 2 columns"):
        imported(tmp_path, text, header=("video_id", "score"))


def test_columns_without_a_name(tmp_path):
    text = ",score,,\na,1,x,\nb,2,y,\n"
    manifest, lines = imported(tmp_path, text, columns={"video_id": "1"})
    assert manifest.ids == ("a", "b")
    assert list(manifest[0].row) == ["video_id", "score", "path"]
    assert "without a name are left out: number 3; --column NAME=3" in lines
    manifest, lines = imported(tmp_path, text, columns={"video_id": "1", "athlete": "3"})
    assert [video.athlete for video in manifest] == ["x", "y"]
    assert "without a name" not in lines


def test_rows_without_a_score(tmp_path):
    text = "video_id,score\na,1\nb,\nc,N/A\nd,2\n"
    with pytest.raises(AqaError, match=r"2 of 4 rows have no score \(rows 3, 4\).*--skip-unsc"):
        imported(tmp_path, text)
    manifest, lines = imported(tmp_path, text, skip_unscored=True)
    assert manifest.ids == ("a", "d")
    assert "2 of 4 rows have no score (rows 3, 4) and are left out" in lines
    with pytest.raises(AqaError, match="no row has a score"):
        imported(tmp_path, "video_id,score\na,\n", skip_unscored=True)


def test_two_peoples_scores_become_their_mean(tmp_path):
    text = "Datei;Anna;Björn\nKniebeuge;7,5;8\nBeuge;6;\n"
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    request = Request(
        (tmp_path / "t.csv",),
        columns={"video_id": "Datei"},
        skip_unscored=True,
        means={"score": ["Anna", "Björn"]},
    )
    found = csv_.read(request)
    assert [(row["video_id"], row["score"], row["Anna"]) for row in found.rows] == [
        ("Kniebeuge", "7.75", "7.5")
    ]
    assert "score: the mean of Anna, Björn" in found.notes
    (tmp_path / "t.csv").write_text(text.replace("7,5", "sieben"), encoding="utf-8")
    with pytest.raises(AqaError, match=r"t\.csv: row 2: Anna is 'sieben', which is no number"):
        csv_.read(request)


def test_scores_that_a_mean_is_of_may_get_names_too(tmp_path):
    (tmp_path / "t.csv").write_text("video_id;Anna;Ben\na;7,5;8\n", encoding="utf-8")
    columns, means = {"score_a": "Anna", "score_b": "Ben"}, {"score": ["Anna", "Ben"]}
    (row,) = csv_.read(Request((tmp_path / "t.csv",), columns=columns, means=means)).rows
    assert [row[name] for name in ("score_a", "score_b", "score")] == ["7.5", "8", "7.75"]


def test_a_name_is_found_as_macos_and_cameras_write_it(tmp_path):
    decomposed = unicodedata.normalize("NFD", "Müller")
    for name in (f"{decomposed}.mp4", "IMG_12.MOV"):
        (tmp_path / name).write_bytes(b"x")
    videos = VideoFolder(tmp_path)
    assert videos.find("Müller") == tmp_path / f"{decomposed}.mp4"
    assert videos.find("Müller.mp4") == tmp_path / f"{decomposed}.mp4"
    assert videos.find("IMG_12") == tmp_path / "IMG_12.MOV"
    assert videos.find("a.mov") == tmp_path / "a.mov"


def test_a_mistake_still_names_its_row(tmp_path):
    with pytest.raises(AqaError, match="row 3: 3 values for 2 columns"):
        imported(tmp_path, "video_id;score\na;1\nb;2;3\nc;4\n")


def test_fis_v_goes_in_as_it_is(shared, tmp_path):
    source = shared / "data" / "fis-v" / "fs_dataset.csv"
    request = Request(
        (source,),
        columns={"video_id": "number", "score": "tes", "athlete": "6", "event": "8"},
        skip_unscored=True,
    )
    importer = find_importer("csv").importer
    lines = import_dataset("csv", importer, request, tmp_path / "manifest.csv")
    assert any("27 of 527 rows have no score" in line for line in lines)
    manifest = Manifest.read(tmp_path / "manifest.csv")
    assert len(manifest) == 500
    assert manifest[0].athlete == "skater_001"

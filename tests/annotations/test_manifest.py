from __future__ import annotations

import math
from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest, ManifestError, write_manifest
from aqa.errors import AqaError

GOOD = """video_id,path,score,start_frame,end_frame,difficulty,type,judge_1,poses,split_1,split_b
001,videos/a.mp4,76.5,10,113,3.0,107B,8.5,poses/a.npy,train,val
002,,51,,,,,,,test,
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    manifest = Manifest.read(write(tmp_path, GOOD))
    first, second = manifest
    assert manifest.ids == ("001", "002")
    assert first.path == tmp_path / "videos" / "a.mp4"
    assert (first.poses, second.poses) == (tmp_path / "poses" / "a.npy", None)
    assert (first.score, first.start_frame, first.end_frame) == (76.5, 10, 113)
    assert (first.difficulty, first.type, first.execution) == (3.0, "107B", None)
    assert first.row["judge_1"] == "8.5"
    assert (second.path, second.start_frame, second.type) == (None, None, None)
    assert manifest.split_names == ("1", "b")
    assert manifest.split("1").train == ("001",)
    assert manifest.split("1").test == ("002",)
    assert manifest.split("b").val == ("001",)


def test_a_table_from_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert Manifest.read(path).ids == ("001", "002")


def test_every_problem_comes_at_once_with_its_row_column_and_value(tmp_path: Path) -> None:
    text = (
        "video_id,path,score,start_frame,end_frame,difficulty,split_1\n"
        "a,x.mp4,high,0,10,2,train\n"
        "a,x.mp4,5,-3,10,2,train\n"
        "b,x.mp4,nan,20,10,two,dev\n"
        "\n"
        ",x.mp4,,1.5,,,\n"
        "c,x.mp4,5\n"
    )
    with pytest.raises(ManifestError) as caught:
        Manifest.read(write(tmp_path, text))
    problems = "\n".join(caught.value.problems)
    for expected in (
        "row 2, column score: 'high' is not a finite number",
        "row 3, column start_frame: '-3' is not a frame number",
        "row 3, column video_id: 'a' is not a unique id (it is row 2's too)",
        "row 4, column score: 'nan' is not a finite number",
        "row 4, column end_frame: '10' is not after the first frame 20",
        "row 4, column difficulty: 'two' is not a finite number",
        "row 4, column split_1: 'dev' is not train, val, test or empty",
        "row 6, column video_id: '' is not an id",
        "row 6, column score: '' is not a finite number",
        "row 6, column start_frame: '1.5' is not a frame number",
        "row 7: 3 values for 7 columns",
    ):
        assert expected in problems
    assert len(caught.value.problems) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "it is empty"),
        ("video_id,path,score\n", "no rows"),
        ("video_id,score\na,1\n", "no column path"),
        ("video_id;path;score\na;b;1\n", "separated by ';'"),
        ("video_id,path,score,split_a/b\na,b,1,\n", "'split_a/b' names no split"),
        ("video_id,path,score,type,type\na,b,1,x,y\n", "two columns 'type'"),
        ('video_id,path,score\na,"b,1\n', "not CSV"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(AqaError, match=expected) as caught:
        Manifest.read(write(tmp_path, text))
    assert "manifest.csv" in str(caught.value)


def test_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_bytes(b"video_id,path,score\n\xff\xfe")
    with pytest.raises(AqaError, match="byte 20 is not UTF-8"):
        Manifest.read(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"absent\.csv: no such manifest"):
        Manifest.read(tmp_path / "absent.csv")


def test_an_unknown_split_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"unknown split '3'; .*1, b"):
        Manifest.read(write(tmp_path, GOOD)).split("3")


def test_written_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "manifest.csv"
    rows = [{"video_id": "a", "path": 'odd, "name".mp4', "score": 0.1 + 0.2, "type": None}]
    write_manifest(path, rows)
    (video,) = Manifest.read(path)
    assert video.score == 0.1 + 0.2
    assert video.path is not None
    assert video.path.name == 'odd, "name".mp4'
    assert [p.name for p in path.parent.iterdir()] == ["manifest.csv"]


def test_a_failed_write_leaves_the_old_table(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(ValueError, match="fields not in"):
        write_manifest(path, [{"video_id": "a"}, {"other": 1}])
    assert path.read_text() == GOOD
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.csv"]


def test_stages_judges_and_attributes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text(
        "video_id,path,score,judge_2,judge_1,judge_10,stage_flight,stage_entry,event,position\n"
        "a,a.mp4,50,7,6.5,8,30,70,rome,pike\n"
        "b,b.mp4,60,,,,,,,\n"
    )
    first, second = Manifest.read(path)
    assert first.judges == (6.5, 7.0, 8.0)
    assert list(first.stages.items()) == [("flight", 30), ("entry", 70)]
    assert (first.event, first.attributes) == ("rome", {"position": "pike"})
    assert (second.judges, second.stages, second.attributes, second.event) == ((), {}, {}, None)


def test_stages_out_of_order_are_named(tmp_path: Path) -> None:
    path = tmp_path / "manifest.csv"
    path.write_text("video_id,path,score,stage_flight,stage_entry\na,a.mp4,50,70,30\n")
    with pytest.raises(ManifestError, match=r"row 2, column stage_entry: '30' is not frame 70"):
        Manifest.read(path)


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("score", "1_000", "'1_000' is not a finite number (write it in plain digits, as 87.5)"),
        ("score", "٣", "'٣' is not a finite number (write it in plain digits"),
        ("score", "9" * 5000, "999...' is not a finite number"),
        ("score", "1e999", "'1e999' is not a finite number"),
        ("score", "Infinity", "'Infinity' is not a finite number"),
        ("difficulty", "-3.2", "'-3.2' is not 0 or more"),
        ("similar_within", "-5", "'-5' is not 0 or more"),
        ("start_frame", "1" * 5000, "is not a frame number of 9 digits or less"),
        ("end_frame", "1_000", "'1_000' is not a frame number"),
        ("stage_entry", "2" * 5000, "is not a frame number of 9 digits or less"),
        ("stage_entry", "30", "'30' is not one of the video's frames 0 to 29"),
        ("path", "a\0b.mp4", "is not text (it holds a zero byte)"),
        ("judge_1", "8_5", "'8_5' is not a finite number"),
    ],
)
def test_strict_values(tmp_path: Path, column: str, value: str, expected: str) -> None:
    good = {"video_id": "a", "path": "", "score": "5", "start_frame": "10", "end_frame": "40"}
    row = {**good, column: value}
    with pytest.raises(ManifestError) as caught:
        Manifest.read(write(tmp_path, f"{','.join(row)}\n{','.join(row.values())}\n"))
    (problem,) = caught.value.problems
    assert f"row 2, column {column}: " in problem
    assert expected in problem
    assert len(problem) < 300


def test_values_at_the_limits_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "video_id,path,score,difficulty,similar_within,start_frame,end_frame,stage_entry\n"
        "a,,-1.5e1,0,0,10,40,29\n"
        "b,,+.5,3.,,,,900\n",
    )
    a, b = Manifest.read(path)
    assert (a.score, a.difficulty, a.similar_within, dict(a.stages)) == (-15, 0, 0, {"entry": 29})
    assert (b.score, b.difficulty, dict(b.stages)) == (0.5, 3, {"entry": 900})


def test_a_judge_of_a_number_of_thousands_of_digits(tmp_path: Path) -> None:
    long = "judge_" + "1" * 5000
    path = write(tmp_path, f"video_id,path,score,{long},judge_2,judge_10\na,,5,3,1,2\n")
    assert Manifest.read(path)[0].judges == (1, 2, 3)


@pytest.mark.parametrize(("start", "end"), [("20", "20"), ("20", "19"), ("", "0"), ("0", "0")])
def test_a_range_holds_a_frame_at_least(tmp_path: Path, start: str, end: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"video_id,path,score,start_frame,end_frame\na,,5,{start},{end}\n")
    with pytest.raises(ManifestError, match=f"'{end}' is not after the first frame {start or 0}"):
        Manifest.read(path)
    path.write_text("video_id,path,score,start_frame,end_frame\na,,5,20,21\nb,,5,,1\n")
    assert [video.end_frame for video in Manifest.read(path)] == [21, 1]


def test_stages_may_start_on_the_same_frame(tmp_path: Path) -> None:
    """A stage that a video lacks is an empty one: the next starts where it does."""
    path = tmp_path / "m.csv"
    path.write_text("video_id,path,score,stage_flight,stage_twist,stage_entry\na,,5,30,30,70\n")
    (video,) = Manifest.read(path)
    assert dict(video.stages) == {"flight": 30, "twist": 30, "entry": 70}


def test_paths_are_taken_from_the_manifests_folder(tmp_path: Path) -> None:
    path = tmp_path / "data" / "m.csv"
    path.parent.mkdir()
    path.write_text("video_id,path,score,poses\na,videos/a.mp4,5,../poses/a\n")
    (video,) = Manifest.read(path)
    assert video.path == tmp_path / "data" / "videos" / "a.mp4"
    assert video.poses == tmp_path / "poses" / "a"


def test_frame_numbers_of_nine_digits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("video_id,path,score,end_frame\na,,5,123456789\n")
    (video,) = Manifest.read(path)
    assert video.end_frame == 123456789
    path.write_text("video_id,path,score,end_frame\na,,5,1234567890\n")
    with pytest.raises(ManifestError, match="9 digits or less"):
        Manifest.read(path)


def test_a_table_of_places_alone_needs_no_score(tmp_path):
    path = tmp_path / "manifest.csv"
    path.write_text("video_id,path,split_1\na,a.mp4,train\n")
    assert math.isnan(Manifest.read(path)[0].score)
    path.write_text("video_id,path,Score\na,a.mp4,5\n")
    with pytest.raises(ManifestError, match="no column score"):
        Manifest.read(path)

"""The importers on files made here in the authors' formats, and on wrong ones."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io

from aqa.annotations.columns import ATTRIBUTES
from aqa.annotations.datasets import find_importer, finediving, importer_names, importer_titles
from aqa.annotations.importing import Request, Version, write
from aqa.annotations.importing.dives import describe_dive
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError, UnknownNameError
from aqa.papers import PAPERS


def import_dataset(name: str, request: Request, manifest: Path, force: bool = False) -> list[str]:
    return write.import_dataset(name, find_importer(name).importer, request, manifest, force)


def do(folder: Path, name: str, source: Path | None = None, **options: Any) -> Manifest:
    """Import from `source`, `folder` itself by default, into folder/new/manifest.csv."""
    manifest = folder / "new" / "manifest.csv"
    import_dataset(name, Request((source or folder,), **options), manifest)
    return Manifest.read(manifest)


def dump(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))


@contextmanager
def changed(path: Path) -> Iterator[Any]:
    """The value of a pickle that this test wrote, written again as it is left."""
    value = pickle.loads(path.read_bytes())
    yield value
    dump(path, value)


DIVE = {
    "primary_view": 0,
    "start_frame": 200,
    "end_frame": 300,
    "position": 1,
    "difficulty": 3.0,
    "armstand": 0,
    "rotation_type": 1,
    "ss_no": 7,
    "tw_no": 0,
    "final_score": 76.5,
}


@pytest.fixture
def mtl(tmp_path: Path) -> Path:
    """MTL-AQA in its published size, with 1412 equal dives of four events."""
    keys = [(event, number) for event in (1, 2, 13, 26) for number in range(1, 354)]
    dump(tmp_path / "final_annotations_dict.pkl", {key: dict(DIVE) for key in keys})
    dump(tmp_path / "final_captions_dict.pkl", {keys[0]: ["<sos>", "nice", "entry", "<eos>"]})
    dump(tmp_path / "train_split_0.pkl", keys[:1059])
    dump(tmp_path / "test_split_0.pkl", keys[1059:])
    dump(tmp_path / "smaller_training_sets" / "size_140" / "train_split_0.pkl", keys[:143])
    return tmp_path


def test_mtl_aqa(mtl: Path) -> None:
    table = do(mtl, "mtl-aqa")
    assert table.split_names == ("published", "size-140")
    assert len(table.split("size-140").train) == 143
    assert table.split("size-140").test == table.split("published").test
    assert (table[0].type, table[0].commentary) == ("107B", "nice entry")
    assert (table[0].path, table[1].commentary) == (None, None)
    row = table[0].row
    assert {name: row[name] for name in ("score", "difficulty", "execution", "action")} == {
        "score": "76.5",
        "difficulty": "3.0",
        "execution": "25.5",
        "action": "diving",
    }
    assert {name: row[name] for name in ATTRIBUTES} == {
        "position": "pike",
        "armstand": "no",
        "rotation": "forward",
        "somersaults": "3.5",
        "twists": "0.0",
    }
    assert (row["event"], table[-1].row["event"]) == ("01", "26")


def test_mtl_aqa_finds_events_and_dives_and_cuts_frames(mtl: Path) -> None:
    for name in ("01.mp4", "02/000001.jpg", "13_07/000200.jpg", "13-008.avi"):
        (mtl / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (mtl / "videos" / name).touch()
    manifest = mtl / "manifest.csv"
    request = Request((mtl,), videos=mtl / "videos", last_frames=103)
    lines = import_dataset("mtl-aqa", request, manifest)
    table = Manifest.read(manifest)
    places = {i: table.by_id[i] for i in ("01-001", "02-353", "13-007", "13-008")}
    assert [video.row["path"] for video in places.values()] == [
        "videos/01.mp4",
        "videos/02",
        "videos/13_07",
        "videos/13-008.avi",
    ]
    assert (places["01-001"].start_frame, places["01-001"].end_frame) == (197, 300)
    assert (places["13-007"].start_frame, places["13-007"].end_frame) == (None, None)
    assert f"not on disk: 704 of 1412 videos, such as {mtl / 'videos' / '13.mp4'}" in lines


def annotate(key: tuple[int, int], **values: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with changed(folder / "final_annotations_dict.pkl") as dives:
            dives[key] = {**DIVE, **values} if values else "no dive"

    return damage


def keys(part: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with changed(folder / f"{part}_split_0.pkl") as found:
            change(found)

    return damage


WRONG_MTL: dict[str, tuple[Callable[[Path], None], str]] = {
    "no file": (lambda f: (f / "test_split_0.pkl").unlink(), r": no test_split_0\.pkl"),
    "no dictionary": (
        lambda f: dump(f / "final_annotations_dict.pkl", [1]),
        "no dictionary of dives",
    ),
    "one dive more": (annotate((3, 1), tw_no=0), "1413 dives where 1412 were published"),
    "no key": (annotate(("a", 1), tw_no=0), r"\('a', 1\) is not a dive's \(event, number\)"),  # type: ignore[arg-type]
    "no annotations": (annotate((1, 2)), r"dive \(1, 2\) is no dictionary"),
    "a text": (annotate((1, 2), final_score="88"), "dive 01-002: final_score is '88', no number"),
    "a number that is none": (
        annotate((1, 2), final_score=np.nan),
        "score nan of 01-002 is outside",
    ),
    "a score too high": (
        annotate((1, 2), final_score=204.0),
        r"score 204\.0 of 01-002 is outside 0 to 104\.5",
    ),
    "no frames": (annotate((1, 2), end_frame=200), "dive 01-002 ends at frame 200, before"),
    "frames turned round": (
        annotate((1, 2), end_frame=100),
        "dive 01-002 ends at frame 100, before",
    ),
    "no difficulty": (annotate((1, 2), difficulty=0), "the difficulty of dive 01-002 is 0"),
    "an unknown code": (
        annotate((1, 2), rotation_type=4),
        "rotation_type of dive 01-002 is 4, not 0 to 3",
    ),
    "an unknown dive": (keys("train", lambda k: k.append((9, 9))), "dive 09-009 has no annotation"),
    "a dive twice": (keys("train", lambda k: k.append(k[0])), "dive 01-001 is listed twice"),
    "a dive too few": (keys("train", lambda k: k.pop()), "1058 dives where 1059 were published"),
    "in both parts": (
        keys("test", lambda k: k.__setitem__(0, (1, 1))),
        "dive 01-001 is in train and in test",
    ),
    "a smaller set of another size": (
        lambda f: dump(f / "smaller_training_sets/size_450/train_split_0.pkl", [(26, 353)]),
        "1 dives where 443 were published",
    ),
    "captions of numbers": (
        lambda f: dump(f / "final_captions_dict.pkl", {(1, 1): [1]}),
        "the caption of dive 01-001 is no list of words",
    ),
    "a hostile file": (
        lambda f: (f / "train_split_0.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR."),
        r"train_split_0\.pkl: refused: it asks for os\.system",
    ),
}


@pytest.mark.parametrize("name", WRONG_MTL)
def test_wrong_files_of_mtl_aqa_are_refused(mtl: Path, name: str) -> None:
    damage, expected = WRONG_MTL[name]
    damage(mtl)
    with pytest.raises(AqaError, match=expected) as caught:
        do(mtl, "mtl-aqa")
    assert "\n" not in str(caught.value)
    assert not (mtl / "new").exists()


def test_types_of_dives(tmp_path: Path) -> None:
    def name(position: int, armstand: int, rotation: int, somersaults: int, twists: int) -> object:
        values = (position, armstand, rotation, somersaults, twists)
        names = ("position", "armstand", "rotation_type", "ss_no", "tw_no")
        return describe_dive(tmp_path, "x", dict(zip(names, values, strict=True)))["type"]

    assert name(2, 0, 2, 7, 0) == "407C"
    assert name(1, 0, 0, 5, 5) == "5255B"
    assert name(1, 1, 0, 6, 0) == name(2, 1, 0, 6, 0) == "626"
    assert name(0, 1, 0, 4, 3) == "6243"
    assert name(1, 0, 3, 0, 0) == "301B"


AQA7_SIZES = (370, 176, 175, 206, 88, 91)
AQA7_LOW = (2160, 1230, 800, 800, 4620, 4980)


def aqa_7(folder: Path) -> dict[str, np.ndarray]:
    """All samples of AQA-7 at their action's lowest score; the first 803 train."""
    rows = np.array(
        [
            (action + 1, sample + 1, AQA7_LOW[action])
            for action, n in enumerate(AQA7_SIZES)
            for sample in range(n)
        ],
        float,
    )
    return {"train": rows[:803], "test": rows[803:]}


def write_aqa_7(folder: Path, lists: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in lists.items():
        scipy.io.savemat(folder / f"split_4_{part}_list.mat", {f"consolidated_{part}_list": rows})


def test_aqa_7_finds_folders_of_frames(tmp_path: Path) -> None:
    write_aqa_7(tmp_path / "Split_4", aqa_7(tmp_path))
    (tmp_path / "diving-out" / "001").mkdir(parents=True)
    (tmp_path / "diving-out" / "001" / "img_00001.jpg").touch()
    table = do(tmp_path, "aqa-7", videos=tmp_path)
    first = table.by_id["diving-001"]
    assert (first.path, first.score, first.action) == (
        tmp_path / "diving-out" / "001",
        21.6,
        "diving",
    )


@pytest.mark.parametrize(
    ("row", "value", "expected"),
    [
        (0, (7, 1, 800), "7 is no action class"),
        (0, (1, 371, 2160), "diving has no sample 371"),
        (0, (1, 2, 2160), "diving-002 is listed twice"),
        (0, (1, 1, 2100), r"score 21\.0 of diving-001 is outside 21\.6 to 102\.6"),
        (0, (1, 1, np.nan), "values that are not finite"),
        (slice(1), None, "802 train samples where 803 were published"),
    ],
)
def test_wrong_lists_of_aqa_7_are_refused(
    tmp_path: Path, row: Any, value: Any, expected: str
) -> None:
    lists = aqa_7(tmp_path)
    if value is None:
        lists["train"] = lists["train"][1:]
    else:
        lists["train"][row] = value
    write_aqa_7(tmp_path, lists)
    with pytest.raises(AqaError, match=expected):
        do(tmp_path, "aqa-7")


def write_unlv(folder: Path, name: str, n: int, low: float, split: tuple[int, int] | None) -> None:
    numbers = np.arange(1, n + 1, dtype=np.uint16)
    scipy.io.savemat(folder / f"{name}_overall_scores.mat", {"overall_scores": low + numbers / n})
    scipy.io.savemat(
        folder / f"{name}_difficulty_level.mat", {"difficulty_level": np.full((n, 1), 4.0)}
    )
    if split:
        parts = {"training_idx": numbers[: split[0]], "testing_idx": numbers[split[0] :]}
        for key, values in parts.items():
            scipy.io.savemat(folder / f"{key}.mat", {key: values})


@pytest.mark.parametrize(
    ("name", "n", "low", "split", "execution"),
    [
        ("unlv-dive", 370, 30.0, (300, 70), 31 / 4),
        ("unlv-vault", 176, 13.0, (120, 56), 14 - 4),
        ("mit-diving", 159, 30.0, None, 31 / 4),
    ],
)
def test_unlvs_layout(
    tmp_path: Path, name: str, n: int, low: float, split: Any, execution: float
) -> None:
    write_unlv(tmp_path, "x", n, low, split)
    (tmp_path / "001.avi").touch()
    table = do(tmp_path, name, videos=tmp_path)
    assert (len(table), table[-1].score, table[-1].difficulty) == (n, low + 1, 4.0)
    assert table[-1].execution == execution
    # The judges' 0.5 each, propagated (jain2020 §III-C): dives keep the heads' 5 points.
    assert {video.similar_within for video in table} == {0.5 if name == "unlv-vault" else None}
    assert table[0].path == tmp_path / "001.avi"
    if split:
        found = table.split("published")
        assert (len(found.train), len(found.test)) == split
    else:
        assert table.split_names == ()


WRONG_UNLV: dict[str, tuple[str, Any, str]] = {
    "another variable": (
        "x_overall_scores",
        {"scores": [1.0]},
        "it holds no variable 'overall_scores'",
    ),
    "texts": (
        "x_overall_scores",
        {"overall_scores": ["a", "b"]},
        "overall_scores is .* not numbers",
    ),
    "a matrix": (
        "x_overall_scores",
        {"overall_scores": np.ones((370, 2))},
        r"shape \(370, 2\), not",
    ),
    "too few": ("x_overall_scores", {"overall_scores": np.ones(300)}, "300 scores where 370 were"),
    "out of range": (
        "x_overall_scores",
        {"overall_scores": np.full(370, 110.0)},
        r"score 110\.0 of 001",
    ),
    "no difficulty": (
        "x_difficulty_level",
        {"difficulty_level": np.zeros(370)},
        "difficulty of 0 is not",
    ),
    "a sample twice": ("training_idx", {"training_idx": np.ones(300)}, "sample 1 is listed twice"),
    "a sample of none": (
        "training_idx",
        {"training_idx": np.arange(300)},
        "0 is no sample number",
    ),
    "half a sample": ("training_idx", {"training_idx": np.arange(300) + 1.5}, r"1\.5 is no sample"),
    "in both": (
        "testing_idx",
        {"testing_idx": np.arange(1, 71)},
        "sample 1 is in the training and in",
    ),
}


@pytest.mark.parametrize("case", WRONG_UNLV)
def test_wrong_files_of_unlv_are_refused(tmp_path: Path, case: str) -> None:
    file, content, expected = WRONG_UNLV[case]
    write_unlv(tmp_path, "x", 370, 30.0, (300, 70))
    scipy.io.savemat(tmp_path / f"{file}.mat", content)
    with pytest.raises(AqaError, match=expected) as caught:
        do(tmp_path, "unlv-dive")
    assert f"{file}.mat" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"MATLAB", bytes(200), b"video_id,path,score\n" * 20])
def test_files_that_are_not_matlabs_are_refused(tmp_path: Path, data: bytes) -> None:
    write_unlv(tmp_path, "x", 370, 30.0, (300, 70))
    (tmp_path / "x_overall_scores.mat").write_bytes(data)
    with pytest.raises(AqaError, match=r"x_overall_scores\.mat: ") as caught:
        do(tmp_path, "unlv-dive")
    assert "\n" not in str(caught.value)


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """Three dives in FineDiving's format; the third has one judge more and one step less."""
    coarse, detailed = {}, {}
    for number, (marks, labels) in enumerate(
        [([8.0, 8.5], [12, 12, 5, 5, 30]), ([7.0, 7.5], [12, 5, 30]), ([6.0, 6.5, 7.0], [12, 5])]
    ):
        key = ("Worlds_r1", number)
        coarse[key] = {
            "action_type": "107B",
            "dive_score": 60.0 + number,
            "difficulty": 3.0,
            "start_frame": 100,
            "end_frame": 99 + len(labels),
            "judge_scores": marks,
        }
        detailed[key] = {
            "frames_labels": np.array(labels),
            "steps_transit_frames": np.array([2.0]),
            "sub-action_types": {12: "Forward", 5: "3.5 Soms.Pike", 30: "Entry"},
        }
    dump(tmp_path / "FineDiving_coarse_annotation.pkl", coarse)
    dump(tmp_path / "FineDiving_fine-grained_annotation.pkl", detailed)
    dump(tmp_path / "train_split.pkl", [("Worlds_r1", 0), ("Worlds_r1", 1)])
    dump(tmp_path / "test_split.pkl", [("Worlds_r1", 2)])
    return tmp_path


def test_finediving(fine: Path) -> None:
    (fine / "Worlds_r1.mp4").touch()
    (fine / "Worlds_r1" / "2").mkdir(parents=True)
    (fine / "Worlds_r1" / "2" / "00100.jpg").touch()
    table = do(fine, "finediving", videos=fine)
    first, _, third = table
    assert (first.id, first.type, first.event) == ("Worlds_r1-000", "107B", "Worlds_r1")
    assert (first.score, first.difficulty, first.execution) == (60.0, 3.0, 20.0)
    assert (first.judges, third.judges) == ((8.0, 8.5), (6.0, 6.5, 7.0))
    assert list(first.stages.values()) == [0, 2, 4]
    assert list(third.stages.values()) == [0, 1]
    assert first.row["steps"] == "Forward;3.5 Soms.Pike;Entry"
    assert third.path == fine / "Worlds_r1" / "2"
    assert (third.start_frame, third.end_frame) == (None, None)
    assert table.split("published").test == (third.id,)


def test_finediving_of_untrimmed_videos_counts_frames_from_0(fine: Path) -> None:
    (fine / "Worlds_r1.mp4").touch()
    table = do(fine, "finediving", videos=fine)
    assert (table[0].path, table[0].start_frame, table[0].end_frame) == (
        fine / "Worlds_r1.mp4",
        99,
        104,
    )


def test_finediving_spells_types_as_everywhere(fine: Path) -> None:
    with changed(fine / "FineDiving_coarse_annotation.pkl") as dives:
        for number, name in enumerate(("407c", "6243d", "5253B")):
            dives["Worlds_r1", number]["action_type"] = name
    table = do(fine, "finediving")
    assert [video.type for video in table] == ["407C", "6243", "5253B"]
    assert table[0].row["performance"] == "407C 60/3 8 8.5"


def test_finediving_compares_images_with_annotated_frames(fine: Path) -> None:
    for dive, n in (("0", 5), ("1", 4), ("2", 0)):
        (fine / "Worlds_r1" / dive).mkdir(parents=True)
        for number in range(n):
            (fine / "Worlds_r1" / dive / f"{number + 1:05d}.jpg").touch()
    (fine / "Worlds_r1" / "0" / "notes.txt").touch()
    request = Request((fine,), videos=fine)
    lines = import_dataset("finediving", request, fine / "new" / "manifest.csv")
    notes = "\n".join(lines)
    assert "1 dives have another number of images than of annotated frames" in notes
    assert "out of place: Worlds_r1-001 4 (3)" in notes
    empty = fine / "Worlds_r1" / "2"
    assert f"not on disk: 1 of 3 videos, such as {empty}" in lines
    table = Manifest.read(fine / "new" / "manifest.csv")
    assert (table[2].path, table[2].start_frame) == (empty, None)


def test_finediving_says_which_release(fine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = fine / "FineDiving_fine-grained_annotation.pkl"
    size = path.stat().st_size
    line = f"{path.name}: {size} bytes, 0 dives of five steps: "
    request = Request((fine,))
    lines = import_dataset("finediving", request, fine / "a" / "manifest.csv")
    assert any(one.startswith(f"{line}neither of the two") for one in lines)
    known = dataclasses.replace(finediving.FINE, versions=(Version(size, release="ours"),))
    monkeypatch.setattr(finediving, "FINE", known)
    lines = import_dataset("finediving", request, fine / "b" / "manifest.csv")
    assert f"{line}ours" in lines


WRONG_FINE: dict[str, tuple[str, Any, str]] = {
    "a field that is missing": ("coarse", {"dive_score": 1.0}, "has no action_type"),
    "a score of text": ("coarse", {"dive_score": "60"}, "dive_score is '60', not a number from 0"),
    "no difficulty": ("coarse", {"difficulty": 0}, "difficulty is 0, not a number"),
    "frames turned round": ("coarse", {"end_frame": 5}, "end_frame is 5, not a frame from 100"),
    "judges of text": ("coarse", {"judge_scores": ["8"]}, "not a list of numbers"),
    "no labels": ("fine-grained", {"frames_labels": None}, "no frames_labels"),
}


@pytest.mark.parametrize("case", WRONG_FINE)
def test_wrong_annotations_of_finediving_are_refused(fine: Path, case: str) -> None:
    kind, values, expected = WRONG_FINE[case]
    with changed(fine / f"FineDiving_{kind}_annotation.pkl") as dives:
        whole = {} if "missing" in case else dives["Worlds_r1", 1]
        dives["Worlds_r1", 1] = {**whole, **values}
    with pytest.raises(AqaError, match=rf"{kind}_annotation\.pkl: dive Worlds_r1-001.*{expected}"):
        do(fine, "finediving")


@pytest.mark.parametrize(
    ("part", "found", "expected"),
    [
        ("train", [("Worlds_r1", 2)], "dive Worlds_r1-002 is in train and in test"),
        ("train", [("Worlds_r1", 9)], "dive Worlds_r1-009 has no annotation"),
        ("train", [("Worlds_r1", 0), ("Worlds_r1", "0")], "1 dives are listed twice"),
        ("test", [("Worlds_r1", "x")], "is not a dive's"),
        ("test", {}, "no list of dives"),
    ],
)
def test_wrong_splits_of_finediving_are_refused(
    fine: Path, part: str, found: Any, expected: str
) -> None:
    dump(fine / f"{part}_split.pkl", found)
    with pytest.raises(AqaError, match=expected):
        do(fine, "finediving")


def test_any_table_with_its_columns_named(tmp_path: Path) -> None:
    source = tmp_path / "jumps.csv"
    source.write_text("name,points,path,judge_1,weather\na,5.5,v/a.mp4,6,dry\n\nb,6,,,wet\n")
    columns = {"video_id": "name", "score": "points"}
    first, second = do(tmp_path, "csv", source, columns=columns)
    assert (first.id, first.score, first.judges) == ("a", 5.5, (6.0,))
    assert (first.path, second.path) == (tmp_path / "v" / "a.mp4", None)
    assert second.row["weather"] == "wet"


def test_a_table_without_paths_finds_videos_by_id(tmp_path: Path) -> None:
    (tmp_path / "jumps.csv").write_text("video_id,score\na,5\nb,6\n")
    (tmp_path / "a.webm").touch()
    manifest = tmp_path / "manifest.csv"
    lines = import_dataset("csv", Request((tmp_path / "jumps.csv",), tmp_path), manifest)
    first, second = Manifest.read(manifest)
    assert (first.path, second.path) == (tmp_path / "a.webm", tmp_path / "b.mp4")
    assert f"not on disk: 1 of 2 videos, such as {tmp_path / 'b.mp4'}" in lines


WRONG_CSV: dict[str, tuple[str, dict[str, str], str]] = {
    "no id": (
        "name,score\na,5\n",
        {},
        "no column video_id; say which it is with --column video_id=",
    ),
    "an unknown column": (
        "name,score\na,5\n",
        {"video_id": "nam"},
        "unknown column 'nam'; did you mean 'name'",
    ),
    "a column that is there": (
        "video_id,score,points\na,5,6\n",
        {"score": "points"},
        "a column score",
    ),
    "one column twice": ("name,score\na,5\n", {"video_id": "name", "type": "name"}, "named twice"),
    "a row cut short": ("video_id,score\n\na\n", {}, "row 3: 1 values for 2 columns"),
    "no rows": ("video_id,score\n", {}, "no rows"),
    "a score of text": ("video_id,score\n\na,high\n", {}, "row 3, column score: 'high' is not"),
    "an id twice": (
        "video_id,score\na,1\na,2\n",
        {},
        "row 3, column video_id: 'a' is not a unique",
    ),
}


@pytest.mark.parametrize("case", WRONG_CSV)
def test_wrong_tables_are_refused_by_their_own_rows(tmp_path: Path, case: str) -> None:
    text, columns, expected = WRONG_CSV[case]
    source = tmp_path / "jumps.csv"
    source.write_text(text)
    with pytest.raises(AqaError) as caught:
        do(tmp_path, "csv", source, columns=columns)
    assert expected in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_every_importer_says_what_it_needs() -> None:
    for name in importer_names():
        found = find_importer(name)
        module = found.importer.read.__module__
        assert module.rpartition(".")[2].rstrip("_").replace("_", "-") == name
        assert importer_titles()[name] == found.words.partition("\n")[0]
        assert found.importer.files
        assert found.importer.citation in PAPERS or name in ("csv", "videos")
        assert found.importer.options.keys() <= {field.name for field in fields(Request)}
    with pytest.raises(UnknownNameError, match="did you mean 'mtl-aqa'"):
        find_importer("mtlaqa")


def test_what_stands_is_not_overwritten(tmp_path: Path) -> None:
    source, manifest = tmp_path / "jumps.csv", tmp_path / "manifest.csv"
    source.write_text("video_id,score\na,5\n")
    manifest.write_text("mine")
    with pytest.raises(AqaError, match=r"manifest\.csv: exists already; .*--force"):
        import_dataset("csv", Request((source,)), manifest)
    assert manifest.read_text() == "mine"
    import_dataset("csv", Request((source,)), manifest, force=True)
    assert Manifest.read(manifest).ids == ("a",)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"last_frames": 103}, "--frames means nothing to `aqa import csv`"),
        ({"videos": Path("/nowhere")}, "/nowhere: no such folder of videos"),
        ({"sources": (Path("/nowhere.csv"),)}, r"/nowhere\.csv: no such"),
        ({"videos": Path(__file__).parent}, "holds none of the videos, such as"),
    ],
)
def test_requests_that_cannot_be_met(
    tmp_path: Path, options: dict[str, Any], expected: str
) -> None:
    (tmp_path / "jumps.csv").write_text("video_id,score\na,5\n")
    request = Request(**{"sources": (tmp_path / "jumps.csv",), **options})
    with pytest.raises(AqaError, match=expected):
        import_dataset("csv", request, tmp_path / "manifest.csv")
    assert not (tmp_path / "manifest.csv").exists()


def test_two_files_that_could_be_meant(tmp_path: Path) -> None:
    write_unlv(tmp_path, "x", 370, 30.0, (300, 70))
    write_unlv(tmp_path, "y", 370, 30.0, (300, 70))
    with pytest.raises(AqaError, match=r"several files match: .*x_overall.*y_overall"):
        do(tmp_path, "unlv-dive")

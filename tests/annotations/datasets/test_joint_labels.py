"""Datasets of joints: labels in the names of files, or one clinical score per recording."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError


def imported(folder: Path, name: str, source: Path) -> tuple[Manifest, str]:
    manifest = folder / "manifest.csv"
    lines = import_dataset(name, find_importer(name).importer, Request((source,)), manifest)
    return Manifest.read(manifest), "\n".join(lines)


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_names_of_ui_prmd_say_movement_subject_and_label(tmp_path: Path) -> None:
    source = touched(
        tmp_path / "in",
        "Correct/Kinect/m01_s02_e03_positions.txt",
        "Incorrect/Kinect/m10_s01_e03_positions_inc.txt",
        "Incorrect/Kinect/m10_s01_e03_angles_inc.txt",
        "readme.txt",
    )
    table, lines = imported(tmp_path, "ui-prmd", source)
    good, bad = table.by_id["m01_s02_e03_positions"], table.by_id["m10_s01_e03_positions_inc"]
    assert (good.score, good.action, good.athlete) == (1, "deep_squat", "s02")
    assert (bad.score, bad.action, bad.athlete) == (0, "shoulder_scaption", "s01")
    assert good.poses == source / "Correct/Kinect/m01_s02_e03_positions.txt"
    assert len(table) == 2
    assert "1 done correctly (score 1), 1 incorrectly (score 0)" in lines
    assert "all of one subject" not in lines


def test_names_of_pose_trainer(tmp_path: Path) -> None:
    source = touched(tmp_path / "in", "bicep_bad_1.npy", "shoulderpressgood13.npy", "other.npy")
    table, _ = imported(tmp_path, "pose-trainer", source)
    assert [(v.id, v.score, v.action) for v in table] == [
        ("bicep_bad_1", 0, "bicep_curl"),
        ("shoulderpressgood13", 1, "shoulder_press"),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["m11_s01_e01.npy"], "there is no movement 11; they are 1 to 10"),
        (["a/m01_s01_e01.npy", "b/m01_s01_e01.txt"], "name the folder of one sensor"),
        (["m01_s01.npy"], "no files of joints named like m01_s01_e01_inc.npy"),
    ],
)
def test_other_names_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    source = touched(tmp_path / "in", *names)
    with pytest.raises(AqaError) as caught:
        imported(tmp_path, "ui-prmd", source)
    assert message in str(caught.value)


def kimore(folder: Path, n_frames: int, *scores: object, width: int = 100) -> Path:
    folder.mkdir(parents=True)
    line = ",".join(["0.5"] * width) + "\n"
    (folder / "Train_X.csv").write_text(line * n_frames)
    (folder / "Train_Y.csv").write_text("".join(f"{score}\n" for score in scores))
    return folder


def test_recordings_of_kimore_share_a_table(tmp_path: Path) -> None:
    kimore(tmp_path / "in" / "ex1", 6, 48.5, 12)
    kimore(tmp_path / "in" / "ex5", 3, 50)
    table, _ = imported(tmp_path, "kimore", tmp_path / "in")
    assert [(v.id, v.score, v.start_frame, v.end_frame, v.action) for v in table] == [
        ("ex1-001", 48.5, 0, 3, "ex1"),
        ("ex1-002", 12, 3, 6, "ex1"),
        ("ex5", 50, None, None, "ex5"),
    ]


@pytest.mark.parametrize(
    ("n_frames", "scores", "width", "message"),
    [
        (5, (1, 2), 100, "5 frames cannot be divided evenly among the 2 recordings"),
        (4, (1, 51), 100, "row 2, column score: '51' is not from 0 to 50"),
        (4, (1, "x"), 100, "row 2, column score: 'x' is not a finite number"),
        (4, (1,), 75, "row 1 has 75 values, not 100"),
        (0, (1,), 100, "Train_X.csv: it is empty"),
        (4, (), 100, "Train_Y.csv: it is empty"),
    ],
)
def test_other_tables_are_refused(
    tmp_path: Path, n_frames: int, scores: tuple[object, ...], width: int, message: str
) -> None:
    source = kimore(tmp_path / "in", n_frames, *scores, width=width)
    with pytest.raises(AqaError) as caught:
        imported(tmp_path, "kimore", source)
    assert message in str(caught.value)


def test_the_real_files(shared: Path, tmp_path: Path) -> None:
    data = shared / "data"
    squats, lines = imported(tmp_path / "ui", "ui-prmd", data / "ui-prmd")
    assert Counter(v.score for v in squats) == {1: 5, 0: 5}
    assert "all of one subject, s01" in lines
    exercises, _ = imported(tmp_path / "pose", "pose-trainer", data / "pose-openpose")
    assert Counter(v.score for v in exercises) == {1: 11, 0: 12}
    assert len({v.action for v in exercises}) == 4
    [recording], _ = imported(tmp_path / "kimore", "kimore", data / "kimore")
    assert recording.score == 48.333

"""Several scores a video: the manifest seen with one of them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest, ManifestError
from aqa.errors import AqaError, UnknownNameError

TABLE = """video_id,path,score,score_tes,score_pcs,difficulty,similar_within,score_note,split_1
a,,50,20,30,3.0,5,ISU,train
b,,40.5,,20.5,2,5,,test
"""


def read(folder: Path, text: str = TABLE) -> Manifest:
    path = folder / "manifest.csv"
    path.write_text(text, encoding="utf-8")
    return Manifest.read(path)


def test_the_score_is_the_target(tmp_path: Path) -> None:
    manifest = read(tmp_path)
    assert manifest.targets == ("tes", "pcs", "note")
    assert (manifest.target, manifest.score_column) == ("score", "score")
    tes = manifest.of_target("tes")
    assert (tes.target, tes.score_column) == ("tes", "score_tes")
    assert tes.by_id["a"].score == 20
    assert math.isnan(tes.by_id["b"].score)
    assert [video.score for video in tes.of_target("difficulty")] == [3, 2]
    assert tes.split("1") == manifest.split("1")


def test_what_is_alike_in_points_is_known_of_the_score_alone(tmp_path: Path) -> None:
    pcs = read(tmp_path).of_target("pcs")
    assert [video.similar_within for video in pcs] == [None, None]
    assert [video.similar_within for video in pcs.of_target("score")] == [5, 5]
    assert [video.score for video in pcs.of_target("score")] == [50, 40.5]


def test_all_is_every_score_column_in_their_order(tmp_path: Path) -> None:
    text = TABLE.replace("score_note", "note")
    asked = read(tmp_path, text).of_targets(["pcs", "all", "score"])
    assert [one.target for one in asked] == ["pcs", "tes", "score"]
    assert [one.target for one in read(tmp_path, text).of_targets()] == ["score"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("TES", "unknown target 'TES'; known: score, tes, pcs, note; a target is a column"),
        ("path", "unknown target 'path'"),
        ("split_1", "unknown target 'split_1'"),
        ("te s", "'te s' is no name of a target"),
        ("all", "'all' is no name of a target"),
        ("note", "video a, column score_note: 'ISU' is not a finite number"),
    ],
)
def test_what_is_no_target(tmp_path: Path, target: str, said: str) -> None:
    with pytest.raises(AqaError) as caught:
        read(tmp_path).of_target(target)
    assert said in str(caught.value)


def test_a_column_that_names_no_folder_says_that_it_must_be_renamed(tmp_path: Path) -> None:
    manifest = read(tmp_path, TABLE.replace("score_note", "score_first panel"))
    with pytest.raises(AqaError, match=r"rename the column score_first panel"):
        manifest.of_target("first panel")


def test_a_target_of_no_video(tmp_path: Path) -> None:
    text = "video_id,path,score,score_tes\na,,1,\n"
    with pytest.raises(ManifestError, match="column score_tes: no video has a value"):
        read(tmp_path, text).of_target("tes")


def test_a_table_without_the_score_has_its_other_scores(tmp_path: Path) -> None:
    manifest = read(tmp_path, "video_id,path,score_tes,split_1\na,,1,train\nb,,2,test\n")
    assert math.isnan(manifest[0].score)
    assert [video.score for video in manifest.of_target("tes")] == [1, 2]
    with pytest.raises(UnknownNameError, match="unknown target 'score'; known: tes"):
        manifest.of_target("tes").of_target("score")


def test_no_score_columns_to_ask_all_of(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match=r"no columns score_<name>, so --target all asks for"):
        read(tmp_path, "video_id,path,score\na,,1\n").of_targets(["all"])
